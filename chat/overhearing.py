"""Reads on a thread of its own what may keep silent, so that whoever waits can look at the clock and at who left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")

EVERY_S = 0.5


def overhear(parts: Callable[[], Generator[T, None, None]]) -> Generator[T | None, None, None]:
    """What the generator gives and what it raises; None for each half second of silence. Closed, it leaves the reader
    behind, which ends with the next part or with its own timeout."""
    heard: SimpleQueue[tuple[T] | Exception | None] = SimpleQueue()
    gone = threading.Event()

    def read() -> None:
        try:
            with closing(parts()) as reading:
                for part in reading:
                    heard.put((part,))
                    if gone.is_set():
                        return
            heard.put(None)
        except Exception as exc:  # noqa: BLE001  # the outermost edge of this thread: raised where it is listened to
            heard.put(exc)

    threading.Thread(target=read, name="overhear", daemon=True).start()
    try:
        while True:
            try:
                said = heard.get(timeout=EVERY_S)
            except Empty:
                yield None
                continue
            if said is None:
                return
            if isinstance(said, Exception):
                raise said
            yield said[0]
    finally:
        gone.set()
