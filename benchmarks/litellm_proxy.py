"""A peer of the budget: LiteLLM's proxy with a budget for its provider, as many threads against it, killed once with
SIGKILL and started again. Without a database, which needs an engine that only Prisma's own site has; its budgets with
one are counted after each call as these are."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.lines import Line, skipped
from benchmarks.options import LITELLM

CASE = "LiteLLM's proxy"
LIMIT_USD = 1.0
USD_A_TOKEN = 0.000005
TOKENS = 500  # each of prompt and answer
REFUSALS = 3  # after which a thread believes it
START_S, CALLS_S = 120.0, 90.0


def measure(*, threads: int) -> Iterator[Line]:
    """What the provider charged beyond the limit: before the kill, and after it in all."""
    if not LITELLM.is_file():
        yield skipped(CASE, "it is not installed: `make bench-budget` does that where the package can be had")
        return
    with TemporaryDirectory(prefix="aion-bench-") as folder, _provider() as provider:
        about = {"threads": threads, "limit_usd": LIMIT_USD}
        for metric in ("overspent_usd", "overspent_usd after a kill"):
            with _proxy(Path(folder), provider.server_port) as (port, key), ThreadPoolExecutor(threads) as crowd:
                list(crowd.map(_spend, [port] * threads, [key] * threads))
            charged = provider.calls * 2 * TOKENS * USD_A_TOKEN
            yield Line(CASE, metric, max(0.0, charged - LIMIT_USD), conditions={"n": provider.calls, **about})


class _Provider(ThreadingHTTPServer):
    """Speaks OpenAI's protocol and counts the calls it answers."""

    request_queue_size = 512
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answering)
        self.calls = 0
        self.counting = threading.Lock()


class _Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Provider

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.counting:
            self.server.calls += 1
        choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": TOKENS, "completion_tokens": TOKENS, "total_tokens": 2 * TOKENS}
        answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
        body = json.dumps(answer | {"usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def _provider() -> Iterator[_Provider]:
    with _Provider() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@contextmanager
def _proxy(folder: Path, provider_port: int) -> Iterator[tuple[int, str]]:
    """A proxy that is ready, and its key; killed at the end of the block."""
    settings = {
        "model": "openai/m",
        "api_base": f"http://127.0.0.1:{provider_port}/v1",
        "api_key": "none",
        "input_cost_per_token": USD_A_TOKEN,
        "output_cost_per_token": USD_A_TOKEN,
    }
    budget = {"openai": {"budget_limit": LIMIT_USD, "time_period": "1d"}}
    config = folder / "config.yaml"  # JSON is YAML
    config.write_text(
        json.dumps(
            {
                "model_list": [{"model_name": "m", "litellm_params": settings}],
                "router_settings": {"provider_budget_config": budget},
            }
        )
    )
    port, key = _free_port(), f"sk-{secrets.token_hex(16)}"
    command = [str(LITELLM), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    # Not AION's environment: with DATABASE_URL the proxy wants Prisma's engine.
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            command, env=environment | {"LITELLM_MASTER_KEY": key}, stdout=log, stderr=log, cwd=folder
        )
    try:
        _wait_until_alive(port, process)
        yield port, key
    finally:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_alive(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while process.poll() is None and time.monotonic() < deadline:
        connection = HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/health/liveliness")
            if connection.getresponse().status == 200:
                return
        except (OSError, HTTPException):
            time.sleep(0.5)
        finally:
            connection.close()
    raise RuntimeError("LiteLLM's proxy did not start")


def _spend(port: int, key: str) -> None:
    """Ask until refused again and again."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "oi"}]})
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    refused, deadline = 0, time.monotonic() + CALLS_S
    connection = HTTPConnection("127.0.0.1", port, timeout=CALLS_S)
    while refused < REFUSALS and time.monotonic() < deadline:
        try:
            connection.request("POST", "/v1/chat/completions", body, headers)
            answer = connection.getresponse()
            answer.read()
            refused += answer.status != 200
        except (OSError, HTTPException):
            refused += 1
            connection.close()  # the next request opens it again
    connection.close()
