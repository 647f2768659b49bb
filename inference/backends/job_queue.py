"""The queue before a model that does one thing at a time: bounded in tokens, chat before batch work. Knows no model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from inference.engine import Priority
from inference.exceptions import EngineBusy, EngineUnavailable

QUEUE_TOKENS = 16_384
MIN_JOB_TOKENS = 1024  # so that tiny requests cannot pile up either: at most 16 wait, as gunicorn_conf.py reckons
_RANKS = {Priority.CHAT: 1, Priority.BATCH: 2}
_FIRST = 0
_ASSUMED_TOKENS_PER_S = 300.0  # until something was measured: prompt and answer together, bundled model on two cores
_MEMORY = 0.8

Work = Callable[[], bool]
"""Whether it was done to its end: what was broken off tells no speed."""


@dataclass(order=True, slots=True)
class Ticket:
    """A place in the queue."""

    rank: int
    number: int
    tokens: int = field(compare=False)
    work: Work = field(compare=False)


class JobQueue:
    """Hands out work in order of rank, then arrival. Thread-safe."""

    def __init__(self, limit_tokens: int = QUEUE_TOKENS) -> None:
        self._limit_tokens = limit_tokens
        self._changed = threading.Condition()
        self._waiting: list[Ticket] = []
        self._running_tokens = 0
        self._count = 0
        self._tokens_per_s = _ASSUMED_TOKENS_PER_S  # of one worker
        self._workers = 0
        self._closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def tokens(self) -> int:
        return sum(ticket.tokens for ticket in list(self._waiting))

    @property
    def retry_after_s(self) -> float:
        """When the smallest request may find room; 0 while it does."""
        with self._changed:
            return self._full_for_s(MIN_JOB_TOKENS)

    def put(self, work: Work, *, tokens: int, priority: Priority) -> Ticket:
        """Queue `work`, which costs `tokens` (prompt and answer). Raises `EngineBusy` where they no longer fit."""
        cost = max(tokens, MIN_JOB_TOKENS)
        with self._changed:
            if retry_after_s := self._full_for_s(cost):
                raise EngineBusy(retry_after_s)
            return self._add(_RANKS[priority], cost, work)

    def put_first(self, work: Work) -> Ticket:
        """Queue `work` before everything that waits; it is never refused."""
        with self._changed:
            return self._add(_FIRST, 0, work)

    def discard(self, ticket: Ticket) -> None:
        """Free the place of someone who went away."""
        with self._changed:
            self._waiting = [other for other in self._waiting if other is not ticket]

    def close(self) -> None:
        """Let `run` return once nothing waits: whoever waits is to hear of it. More is refused from now on."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def run(self) -> None:
        """Do the work as it comes, in this thread, until closed. Several threads may."""
        with self._changed:
            self._workers += 1
        while (ticket := self._next()) is not None:
            started = time.monotonic()
            is_whole = ticket.work()
            self._end(ticket, time.monotonic() - started, is_whole=is_whole)

    def _full_for_s(self, cost: int) -> float:
        """0 where `cost` tokens have room: always, where nobody waits."""
        queued = self.tokens
        if not queued or queued + cost <= self._limit_tokens:
            return 0.0
        return max(1.0, (queued + self._running_tokens) / (self._tokens_per_s * max(1, self._workers)))

    def _add(self, rank: int, tokens: int, work: Work) -> Ticket:
        if self._closed:
            raise EngineUnavailable("the model has been unloaded")
        self._count += 1
        ticket = Ticket(rank, self._count, tokens, work)
        self._waiting.append(ticket)
        self._changed.notify()
        return ticket

    def _next(self) -> Ticket | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            ticket = min(self._waiting, default=None)
            if ticket is None:
                return None
            self._waiting.remove(ticket)
            self._running_tokens += ticket.tokens
            return ticket

    def _end(self, ticket: Ticket, seconds: float, *, is_whole: bool) -> None:
        with self._changed:
            self._running_tokens -= ticket.tokens
            if is_whole and ticket.rank != _FIRST:
                speed = ticket.tokens / max(seconds, 0.01)
                self._tokens_per_s = _MEMORY * self._tokens_per_s + (1 - _MEMORY) * speed
