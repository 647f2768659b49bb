"""AION behind gunicorn as `manage.py up` starts it, on the installation of the run: real HTTP, the real model."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from django.conf import settings

from aion.services import redis
from benchmarks.load_clients import Target, health_of
from benchmarks.options import BASE_DIR

LONGEST_ANSWER_TOKENS = 96
_STARTS_WITHIN_S = 300
_KEYS = 64  # each may ask sixty times a minute


@dataclass(frozen=True, slots=True)
class Server:
    """What listens, and the process that holds the model."""

    target: Target
    worker: psutil.Process

    def memory_mb(self) -> float:
        return float(self.worker.memory_info().rss / 2**20)


@contextmanager
def running_server(questions: list[str]) -> Iterator[Server]:
    """Up while the block runs; every question goes to the model, which writes (it quotes nothing)."""
    var = Path(settings.VAR_DIR)
    keys = _prepare()
    broker = redis.start(var, durable=False)
    port = _free_port()
    environment = os.environ | {"AION_PORT": str(port), "REDIS_URL": broker.url}
    command = [sys.executable, "-m", "gunicorn", "--config", "python:aion.gunicorn_conf", "aion.wsgi:application"]
    with (var / "log" / "load.log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, cwd=BASE_DIR, stdout=log, stderr=log)
    try:
        target = Target(f"http://127.0.0.1:{port}", keys, questions)
        _wait_until_ready(target, process)
        [worker] = psutil.Process(process.pid).children()
        yield Server(target, worker)
    finally:
        process.terminate()
        process.wait()
        broker.stop()


def _prepare() -> list[str]:
    """Settings in force and the keys of those who ask."""
    from django.contrib.auth.models import User

    from chat.authentication import issue_key
    from chat.models import ApiKey, ChatSettingsRevision

    modes = ChatSettingsRevision.Mode
    ChatSettingsRevision.objects.create(tau=0.0, answer_mode=modes.GENERATE, max_new_tokens=LONGEST_ANSWER_TOKENS)
    user = User.objects.create_user("load")
    tenant = settings.PRIMARY_TENANT_ID
    scopes = [ApiKey.Scope.CHAT]
    return [issue_key(name="load", user_id=user.pk, scopes=scopes, tenant=tenant)[1] for _ in range(_KEYS)]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(target: Target, process: subprocess.Popen[bytes]) -> None:
    """Until the default adapter serves."""
    deadline = time.monotonic() + _STARTS_WITHIN_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        with suppress(OSError):
            if health_of(target)["adapter_digest"]:
                return
        time.sleep(0.2)
    raise RuntimeError("the server never became ready")
