"""A really running AION that is watched: web and worker, logs as JSON, a token for its figures, and a collector."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aion.observing import parts, readings
from tests.aion.observing.collector import Collector, running_collector
from tests.http.served import BASE_DIR, PATIENCE_S, Server, running_server

TOKEN = "the-token-of-the-figures"
PAID_KEY = "sk-plantedPaidKey0123456789"


@dataclass(frozen=True)
class Watched:
    """The server, where its logs are, and who collects its traces."""

    server: Server
    web_log: Path
    worker_log: Path
    collector: Collector


@pytest.fixture(scope="session")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    logs = tmp_path_factory.mktemp("logs")
    web_log, worker_log = logs / "web.log", logs / "worker.log"
    with running_collector() as collector:
        told = {
            "AION_ENGINE": "tests.aion.observing.engines.TalkativeEngine",
            "AION_LOG_FORMAT": "json",
            "AION_METRICS_TOKEN": TOKEN,
            "AION_FALLBACK_ENABLED": "true",
            "OPENAI_API_KEY": PAID_KEY,
            "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        }
        with running_server(told, log=web_log) as server, _worker(server, worker_log):
            yield Watched(server, web_log, worker_log, collector)


@pytest.fixture
def open_figures(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In this process: the token is set, each part is asked anew, and has as long as a slow machine needs."""
    settings.AION_METRICS_TOKEN = TOKEN
    monkeypatch.setattr(parts, "PATIENCE_S", 60)
    _forget()
    yield
    _forget()


def _forget() -> None:
    for part in readings.ASIDE:
        part.asked_at, part.found, part.is_up = -float("inf"), (), None


@contextmanager
def _worker(server: Server, log: Path) -> Iterator[None]:
    options = ("--pool=threads", "--concurrency=2", "--without-mingle", "--without-gossip", "--loglevel=INFO")
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "celery", "--app", "aion", "worker", "--queues=celery", *options],
            env=dict(server.environment),
            cwd=BASE_DIR,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_for(log, "ready.")
            yield
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)


def _wait_for(log: Path, words: str) -> None:
    until = time.monotonic() + PATIENCE_S
    while words not in log.read_text():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
