"""A line of progress on stderr, with the time that is left."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from django.core.management.base import OutputWrapper
from django.utils.translation import gettext as _

EVERY_S = 1.0
FOR_A_FILE = 15  # times rarer where the lines are kept


class Progress:
    """Called with what is done and the total; writes at most once a second, over itself on a terminal."""

    def __init__(self, out: OutputWrapper, label: str) -> None:
        self._out, self._label = out, label
        self._began: tuple[float, int] | None = None
        self._last = 0.0
        self._end = "\r" if out.isatty() else "\n"
        self._every_s = EVERY_S if out.isatty() else FOR_A_FILE * EVERY_S

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._last and self._end == "\r":
            self._out.write("")

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        self._began = self._began or (now, done)  # the first one may have loaded a model
        if done < total and now - self._last < self._every_s:
            return
        self._last = now
        line = f"{self._label}: {done}/{total}{_time_left(done - self._began[1], total - done, now - self._began[0])}"
        self._out.write(f"{line:<70}" if self._end == "\r" else line, ending=self._end)
        self._out.flush()


def _time_left(done: int, left: int, passed_s: float) -> str:
    """In words, once it can be guessed; "" at the end."""
    if not done or not left or passed_s < EVERY_S:
        return ""
    seconds = passed_s / done * left
    words = (
        _("%(seconds)d s") % {"seconds": seconds} if seconds < 90 else _("%(minutes)d min") % {"minutes": seconds / 60}
    )
    return _(" (about %(left)s left)") % {"left": words}
