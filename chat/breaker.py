"""A circuit breaker a paid model: after failures in a row nobody waits for it any more, until one call finds it well.

Closed, it lets every call through. Open, none for a while; then one at a time, as a probe, whose end decides. Knows no
provider: it is told how calls ended. For the threads of one process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

FAILURES = 3  # in a row
OPEN_S = 60.0


@dataclass(frozen=True, slots=True)
class OpenCircuit:
    """Opened `open_for_s` seconds ago; a probe may go in `probe_in_s` (0: the next call is one)."""

    open_for_s: float
    probe_in_s: float


class Breaker:
    """The circuit of one model."""

    def __init__(
        self, *, failures: int = FAILURES, open_s: float = OPEN_S, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._failures, self._open_s, self._now = failures, open_s, now
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._opened_at: float | None = None
        self._probing = False
        self._era = 0  # begins anew with each opening and closing: what was let in before has no say

    def enter(self, *, early: bool = False) -> int | None:
        """A ticket for one call, to be given back by `leave`; None where the call must not be made. `early` lets a
        probe go before its time."""
        with self._lock:
            if self._opened_at is None:
                return self._era
            if self._probing or not (early or self._probe_in_s(self._opened_at) == 0):
                return None
            self._probing = True
            return self._era

    def leave(self, ticket: int, *, works: bool | None) -> None:
        """Say how the call ended; None where that tells nothing of the provider."""
        with self._lock:
            if ticket != self._era:
                return
            self._probing = False
            if works:
                self._in_a_row = 0
                if self._opened_at is not None:
                    self._turn(None)
            elif works is False:
                self._in_a_row += 1
                if self._opened_at is not None or self._in_a_row >= self._failures:
                    self._turn(self._now())

    def open_circuit(self) -> OpenCircuit | None:
        """Since when it is open and when it will be tried; None while it is closed."""
        with self._lock:
            if self._opened_at is None:
                return None
            return OpenCircuit(self._now() - self._opened_at, self._probe_in_s(self._opened_at))

    def _probe_in_s(self, opened_at: float) -> float:
        return max(0.0, opened_at + self._open_s - self._now())

    def _turn(self, opened_at: float | None) -> None:
        self._opened_at = opened_at
        self._era += 1


_breakers: dict[str, Breaker] = {}
_breakers_lock = threading.Lock()


def breaker_of(name: str) -> Breaker:
    """The one breaker of this process for `name`."""
    with _breakers_lock:
        return _breakers.setdefault(name, Breaker())


def forget() -> None:
    """Close every circuit (between tests)."""
    with _breakers_lock:
        _breakers.clear()
