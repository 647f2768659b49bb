"""Models that carry an adapter, made aside while another serves. Knows neither queue nor requests."""

from __future__ import annotations

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.utils import translation

from inference.engine import ServedAdapter

KEPT_MODELS = 2  # what serves and what served before: a swap needs room for both in any case
NICENESS = 10  # beside decoding a preparation at full priority doubled the time of a token (measured)

T = TypeVar("T")


class PreparedModels:
    """The models used last, by what they carry: going back, as a rollback does, takes no time. Not thread-safe."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, bool], Any] = OrderedDict()

    def model_with(self, adapter: ServedAdapter, make: Callable[[], Any]) -> Any:
        """The kept model, else what `make` gives. Room is made before, so that no more than `KEPT_MODELS` exist."""
        carried = (adapter.digest, adapter.merged)
        if carried not in self._kept:
            while len(self._kept) >= KEPT_MODELS:
                self._kept.popitem(last=False)
            self._kept[carried] = in_background(make)
        self._kept.move_to_end(carried)
        return self._kept[carried]

    def clear(self) -> None:
        self._kept.clear()


def in_background(work: Callable[[], T]) -> T:
    """What `work` returns or raises, done by a thread that takes the processor only where nobody else wants it."""
    language = translation.get_language()

    def speaking() -> T:
        with translation.override(language):  # a language belongs to a thread; a refusal is read by whoever waits here
            return work()

    with ThreadPoolExecutor(max_workers=1, initializer=_step_back) as executor:
        return executor.submit(speaking).result()


def _step_back() -> None:
    """Lower this thread's priority, and that of the threads it starts; only Linux knows one for each thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), os.getpriority(os.PRIO_PROCESS, 0) + NICENESS)
