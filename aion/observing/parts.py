"""Parts of AION whose state a scrape tells: each is asked aside and kept for a while, so that one that hangs or is gone
costs a scrape neither its time nor the other parts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

PATIENCE_S: Final = 0.05  # of one scrape, for all parts together; what comes later is told by the next
HANGS_AFTER_S: Final = 10.0
logger = logging.getLogger(__name__)

Reading: TypeAlias = Callable[[], Sequence[Metric]]


@dataclass(slots=True)
class Part:
    """`read` asks for its figures, anew once they are `every_s` old. It runs in a thread of its own, never twice."""

    name: str
    read: Reading
    every_s: float
    found: Sequence[Metric] = ()
    is_up: bool | None = None  # None before the first answer
    asked_at: float = field(default=-float("inf"))
    _asking: Future[None] | None = None

    def refresh(self) -> Future[None] | None:
        """Ask, if it is time; what to wait for, None where there is nothing new to come."""
        now = time.monotonic()
        if self._asking is not None and not self._asking.done():
            if now - self.asked_at > HANGS_AFTER_S:
                self.found, self.is_up = (), False
            return self._asking
        if now - self.asked_at < self.every_s:
            return None
        self.asked_at, self._asking = now, Future()
        threading.Thread(target=self._ask, args=(self._asking,), name=f"scrape-{self.name}", daemon=True).start()
        return self._asking

    def _ask(self, asking: Future[None]) -> None:
        try:
            self.found, self.is_up = self.read(), True
        except Exception as exc:  # noqa: BLE001  # the edge of a thread: whatever is wrong with it, it is not up
            if self.is_up is not False:
                logger.warning("no figures of %s: %s", self.name, type(exc).__name__)
            self.found, self.is_up = (), False
        finally:
            asking.set_result(None)


class Parts:
    """A collector for prometheus_client: what the parts say, and `aion_up` of each."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self.parts = tuple(parts)

    def collect(self) -> Iterator[Metric]:
        """Within `PATIENCE_S`; a part that takes longer is told as it was before."""
        until = time.monotonic() + PATIENCE_S
        for asking in [part.refresh() for part in self.parts]:
            _wait(asking, until)
        up = GaugeMetricFamily("aion_up", "Whether a part of AION answers.", labels=["part"])
        for part in self.parts:
            if part.is_up is not None:
                up.add_metric([part.name], part.is_up)
        yield up
        for part in self.parts:
            yield from part.found


def _wait(asking: Future[None] | None, until: float) -> None:
    if asking is None:
        return
    try:
        asking.result(timeout=max(0.0, until - time.monotonic()))
    except FutureTimeout:
        return
