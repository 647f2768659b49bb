"""How soon the model is free after a caller of a running AION hangs up, in each stage of an answer. Knows HTTP only.

The endpoint is the one AION's own commands use: it says in which stage a request is, and what the model took.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from benchmarks.load_clients import HangUp, Target, health_of

_LONG_PROMPT = "Conte uma longa história sobre o mar. " * 250  # prefilling takes seconds
_ENDLESS_PROMPT = "Repita sempre: o mar, o mar, o mar, o mar, o mar,"
_ENDLESS_TOKENS = 2000
_LOOKED_EVERY_S = 0.005


def freed_after(target: Target, service_key: str, stage: HangUp) -> float:
    """Seconds from a hang-up in `stage` to the moment when the model, or the place in its queue, is free."""
    prompt = _LONG_PROMPT if stage == "prefilling" else _ENDLESS_PROMPT
    running = _Call(target, service_key, prompt, _ENDLESS_TOKENS)
    running.read_until("prefill" if stage == "prefilling" else "delta")
    if stage != "queued":
        with ThreadPoolExecutor(1) as other:
            following = other.submit(_started_at, target, service_key)
            _wait_for_queue(target, 1)
            at = running.hang_up()
            return following.result() - at
    waiting = _Call(target, service_key, _ENDLESS_PROMPT, 1)
    _wait_for_queue(target, 1)
    at = waiting.hang_up()
    _wait_for_queue(target, 0)
    freed_at = time.perf_counter()
    running.hang_up()
    return freed_at - at


def _wait_for_queue(target: Target, length: int) -> None:
    while health_of(target)["queue_length"] != length:
        time.sleep(_LOOKED_EVERY_S)


def _started_at(target: Target, service_key: str) -> float:
    """When the model began with this short request: its end less what the model took."""
    call = _Call(target, service_key, _ENDLESS_PROMPT, 1)
    result = call.read_until("result")
    ended_at = time.perf_counter()
    call.hang_up()
    return ended_at - float(result["result"]["generate_ms"]) / 1000


class _Call:
    """One request for text, read line by line."""

    def __init__(self, target: Target, service_key: str, prompt: str, tokens: int) -> None:
        self._connection: HTTPConnection = target.connect()
        self._connection.connect()
        self._socket: socket.socket = self._connection.sock
        messages = [{"role": "user", "content": prompt}]
        request = {"messages": messages, "max_new_tokens": tokens, "priority": "chat"}
        body = json.dumps({"generate": request})
        self._connection.request("POST", "/internal/generate", body, {"Authorization": f"Bearer {service_key}"})
        self._response: HTTPResponse = self._connection.getresponse()

    def read_until(self, sign: str) -> dict[str, Any]:
        """The first line that holds the word."""
        for line in self._lines():
            if sign in line:
                found: dict[str, Any] = json.loads(line)
                return found
        raise ConnectionError(f"the answer ended before {sign}")

    def hang_up(self) -> float:
        """Returns when."""
        at = time.perf_counter()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._connection.close()
        return at

    def _lines(self) -> Iterator[str]:
        while line := self._response.readline():
            yield line.decode()
