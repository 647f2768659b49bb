"""Clients of a running AION, in a process that measures and does nothing else. Knows HTTP and time, no model.

A question is a POST of `/api/ai/chat` with `stream`; what happened to it is an `Asked`.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import count
from random import Random
from typing import Any, Final, Literal
from urllib.parse import urlsplit

QUEUED_FOR_S = 1.0  # by then whoever hangs up in the queue is surely in it
PREFILLING_FOR_S = 0.1
_WATCHED_EVERY_S = 0.1
_PATIENCE_S = 120

HangUp = Literal["", "queued", "prefilling", "streaming"]
STAGES: Final[tuple[HangUp, ...]] = ("queued", "prefilling", "streaming")


@dataclass(frozen=True, slots=True)
class Target:
    """Where AION listens; `keys` are used in turn, since each may ask only so often; questions likewise."""

    url: str
    keys: Sequence[str]
    questions: Sequence[str]

    def connect(self) -> HTTPConnection:
        return HTTPConnection(str(urlsplit(self.url).netloc), timeout=_PATIENCE_S)


@dataclass(slots=True)
class Asked:
    """One question. Times in seconds from when it was sent; `status` 0: the connection broke."""

    hang_up: HangUp = ""
    sent_at: float = field(default_factory=time.perf_counter)
    status: int = 0
    retry_after: str = ""
    error: str = ""
    first_sentence_s: float | None = None
    end_s: float | None = None
    is_done: bool = False
    hung_up: bool = False

    def since(self) -> float:
        return time.perf_counter() - self.sent_at


class Turns:
    """Who is in the queue, in order of arrival: the first is being answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: OrderedDict[int, Callable[[], None]] = OrderedDict()

    def join(self, number: int, at_turn: Callable[[], None]) -> None:
        with self._lock:
            self._waiting[number] = at_turn
            first = len(self._waiting) == 1
        if first:
            at_turn()

    def leave(self, number: int) -> None:
        with self._lock:
            was_first = next(iter(self._waiting), None) == number
            self._waiting.pop(number, None)
            following = next(iter(self._waiting.values()), None) if was_first else None
        if following:
            following()


@dataclass(slots=True)
class Client:
    """Asks one question and reads the answer, unless it is to hang up before."""

    target: Target
    number: int
    turns: Turns
    asked: Asked
    connection: HTTPConnection = field(init=False)
    socket: socket.socket = field(init=False)

    def ask(self) -> Asked:
        self.connection = self.target.connect()
        timers: list[threading.Timer] = []
        try:
            self.connection.connect()
            self.socket = self.connection.sock
            response = self._send()
            if self.asked.status == 200:
                timers = self._plans()
                self._read(response)
        except (OSError, HTTPException) as exc:
            if not self.asked.hung_up:
                self.asked.error = f"{type(exc).__name__}: {exc}"
        finally:
            self.asked.end_s = self.asked.since()
            self.turns.leave(self.number)
            for timer in timers:
                timer.cancel()
            self.connection.close()
        return self.asked

    def _send(self) -> HTTPResponse:
        keys, questions = self.target.keys, self.target.questions
        headers = {"Authorization": f"Bearer {keys[self.number % len(keys)]}", "Content-Type": "application/json"}
        body = json.dumps({"message": questions[self.number % len(questions)], "stream": True})
        self.connection.request("POST", "/api/ai/chat", body, headers)
        response = self.connection.getresponse()
        self.asked.status = response.status
        self.asked.retry_after = response.headers.get("Retry-After", "")
        return response

    def _plans(self) -> list[threading.Timer]:
        """What will happen to this client while it reads."""
        timer = threading.Timer(QUEUED_FOR_S, self.hang_up)
        if self.asked.hang_up == "queued":
            timer.start()
        prefilling = threading.Timer(PREFILLING_FOR_S, self.hang_up)
        self.turns.join(self.number, prefilling.start if self.asked.hang_up == "prefilling" else lambda: None)
        return [timer, prefilling]

    def _read(self, response: HTTPResponse) -> None:
        event = ""
        while line := response.readline():
            if line.startswith(b"event: "):
                event = line[7:].strip().decode()
            elif line.startswith(b"data: ") and event in ("delta", "replace", "done", "error"):
                self._take(event, line)

    def _take(self, event: str, line: bytes) -> None:
        if event == "error":
            self.asked.error = json.loads(line[6:])["code"]
            return
        if self.asked.first_sentence_s is None:
            self.asked.first_sentence_s = self.asked.since()
            if self.asked.hang_up == "streaming":
                self.hang_up()
        self.asked.is_done = event == "done"

    def hang_up(self) -> None:
        self.asked.hung_up = True
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)  # which also ends the reading, as closing would not


def closed_loop(target: Target, *, clients: int, questions: int) -> tuple[list[Asked], float]:
    """`clients` who ask again as soon as they are answered, until `questions` were asked; and the seconds it took."""
    numbers = iter(range(questions))
    turns, done = Turns(), list[Asked]()

    def keep_asking() -> None:
        for number in numbers:
            done.append(Client(target, number, turns, Asked()).ask())

    began = time.perf_counter()
    threads = [threading.Thread(target=keep_asking) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return done, time.perf_counter() - began


def open_loop(target: Target, *, per_s: float, seconds: float, hanging_up: float) -> list[Asked]:
    """Questions at random times (Poisson), whether or not earlier ones are answered; a share hangs up, a third in each
    stage. Returns once the last is answered."""
    chance = Random(4)
    turns, threads, done = Turns(), list[threading.Thread](), list[Asked]()
    at = began = time.perf_counter()
    for number in count():
        at += chance.expovariate(per_s)
        if at - began > seconds:
            break
        time.sleep(max(0.0, at - time.perf_counter()))
        hang_up: HangUp = chance.choice(STAGES) if chance.random() < hanging_up else ""
        client = Client(target, number, turns, Asked(hang_up))
        threads.append(threading.Thread(target=lambda client=client: done.append(client.ask())))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return done


def open_loop_and_health(
    target: Target, *, per_s: float, seconds: float, hanging_up: float
) -> tuple[list[Asked], list[float], float]:
    """What became of the questions, the seconds that `/health` took meanwhile, and those until the last answer."""
    over = threading.Event()
    began = time.perf_counter()
    with ThreadPoolExecutor(1) as other:
        watching = other.submit(watch_health, target, over.is_set)
        asked = open_loop(target, per_s=per_s, seconds=seconds, hanging_up=hanging_up)
        over.set()
        return asked, watching.result(), time.perf_counter() - began


def watch_health(target: Target, enough: Callable[[], bool]) -> list[float]:
    """Seconds that `/health` took, asked ten times a second by a client that connects anew each time."""
    took = []
    while not enough():
        began = time.perf_counter()
        health_of(target)
        took.append(time.perf_counter() - began)
        time.sleep(_WATCHED_EVERY_S)
    return took


def health_of(target: Target) -> dict[str, Any]:
    connection = target.connect()
    try:
        connection.request("GET", "/health")
        health: dict[str, Any] = json.load(connection.getresponse())
    finally:
        connection.close()
    return health
