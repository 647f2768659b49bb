"""Between a training and its row: a thread writes how far it is and reads what people asked for.

The training itself never waits for the database; while that is away, only what people see stands still.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone

from inference.models import ALIVE_WITHIN, HEARTBEAT_S, ProcessReport, TrainingRun
from inference.training_watch import Lines, Progress, thinned

logger = logging.getLogger(__name__)


class Beat:
    """The `Watch` of a run with a row. `was_terminated`: the process was told to end, which is no wish for the run."""

    def __init__(self, run_id: int, lines: Lines) -> None:
        self.was_terminated = False
        self._run_id, self._lines = run_id, lines
        self._progress: Progress | None = None
        self._stop_wanted = self._chat_is_busy = False

    def tell(self, progress: Progress) -> None:
        self._progress = progress
        self._lines.tell(progress)

    def wants_stop(self) -> bool:
        return self._stop_wanted or self.was_terminated

    def is_chat_busy(self) -> bool:
        return self._chat_is_busy

    @contextmanager
    def beating(self) -> Iterator[Beat]:
        """Within it the row is kept up to date, and signals stop the training at its next step."""
        over = threading.Event()
        thread = threading.Thread(target=self._beat, args=(over,), name="training-beat", daemon=True)
        thread.start()
        try:
            with self._signals_stop():
                yield self
        finally:
            over.set()
            thread.join()
            self._write()

    def _beat(self, over: threading.Event) -> None:
        while not over.wait(HEARTBEAT_S):
            try:
                self._write()
                self._read()
            except (DatabaseError, InterfaceError) as exc:
                logger.warning("the training goes on without the database: %s", exc)
                connection.close()
        connection.close()

    def _write(self) -> None:
        values: dict[str, Any] = {"heartbeat_at": timezone.now()}
        if now := self._progress:
            values |= {"step": now.step, "steps": now.steps, "tokens": now.tokens, "seconds": now.seconds}
            values["curve"] = thinned(list(now.losses))
        TrainingRun.objects.filter(pk=self._run_id).update(**values)

    def _read(self) -> None:
        self._stop_wanted |= TrainingRun.objects.filter(pk=self._run_id, stop_requested=True).exists()
        alive_since = timezone.now() - ALIVE_WITHIN
        self._chat_is_busy = ProcessReport.objects.filter(heartbeat_at__gt=alive_since, queue_length__gt=0).exists()

    @contextmanager
    def _signals_stop(self) -> Iterator[None]:
        """Ctrl-C is a person's wish; SIGTERM ends the process alone, and the next start takes the run up again."""

        def stop(number: int, frame: FrameType | None) -> None:
            if number == signal.SIGTERM:
                self.was_terminated = True
            else:
                self._stop_wanted = True

        earlier = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)
