"""A line of progress on stderr, where somebody is watching."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from django.core.management.base import OutputWrapper

EVERY_S = 1.0


class Progress:
    """Called with what is done and the total; writes at most once a second, over itself on a terminal."""

    def __init__(self, out: OutputWrapper, label: str) -> None:
        self._out, self._label = out, label
        self._last = 0.0
        self._end = "\r" if out.isatty() else "\n"
        self._every_s = EVERY_S if out.isatty() else 15 * EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last and self._end == "\r":
            self._out.write("")

    def __call__(self, done: int, total: int) -> None:
        if done < total and time.monotonic() - self._last < self._every_s:
            return
        self._last = time.monotonic()
        self._out.write(f"{self._label}: {done}/{total}", ending=self._end)
        self._out.flush()
