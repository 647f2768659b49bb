"""Masking of many texts by a few processes beside this one. Knows texts alone; no database and no Django in there.

A process is fed by a thread of its own, one batch at a time, so that results keep their order and little waits in
memory. It ends when its pipe does: whoever started it may be killed, and nothing stays behind.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from typing import TypeVar

from telemetry.exceptions import MaskingStopped, PersonalDataLeft
from telemetry.pii import redact_together

PROCESSES = max(1, min(2, os.cpu_count() or 1))
WAITING = 2  # batches in work or done, for each process
POLITE = 10  # niceness: people wait for answers meanwhile

Texts = tuple[str, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Masked:
    """Texts that belong together, masked alike, and the kinds of what was found in them.

    Where something was still found after masking there are no texts, and `left` says of which kinds.
    """

    texts: Texts
    kinds: tuple[str, ...]
    left: tuple[str, ...] = ()


def mask(texts: Texts) -> Masked:
    """Mask texts that belong together, here and now."""
    try:
        redacted = redact_together(texts)
    except PersonalDataLeft as exc:
        return Masked((), (), exc.kinds)
    return Masked(tuple(text.text for text in redacted), redacted[0].kinds)


def mask_batches(batches: Iterable[tuple[T, Sequence[Texts]]]) -> Iterator[tuple[T, list[Masked]]]:
    """Each batch's first part, as it came, with its texts masked; in order, few batches ahead of who asks.

    A single batch is masked here: a process takes longer to start. Raises MaskingStopped where a process died.
    """
    batches = iter(batches)
    ahead = [batch for batch in (next(batches, None), next(batches, None)) if batch]
    if len(ahead) < 2:
        yield from ((kept, [mask(texts) for texts in batch]) for kept, batch in ahead)
        return
    with ExitStack() as stack:
        masker = stack.enter_context(_Maskers())
        waiting: deque[tuple[T, Future[list[Masked]]]] = deque()
        for kept, batch in _chained(ahead, batches):
            waiting.append((kept, masker.submit(batch)))
            if len(waiting) > PROCESSES * WAITING:
                first, masked = waiting.popleft()
                yield first, masked.result()
        for first, masked in waiting:
            yield first, masked.result()


def _chained(ahead: Sequence[T], rest: Iterator[T]) -> Iterator[T]:
    yield from ahead
    yield from rest


class _Maskers:
    """The processes, and the threads that feed them."""

    def __enter__(self) -> _Maskers:
        context = multiprocessing.get_context("spawn")  # a fork would share this process's database connection
        self._free: SimpleQueue[Connection] = SimpleQueue()
        self._ours: list[Connection] = []
        self._processes: list[BaseProcess] = []
        for _number in range(PROCESSES):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()  # else the end of the process would not end the pipe
            self._processes.append(process)
            self._ours.append(ours)
            self._free.put(ours)
        self._threads = ThreadPoolExecutor(PROCESSES, thread_name_prefix="masking")
        return self

    def __exit__(self, *_exc: object) -> None:
        for process in self._processes:
            process.terminate()  # a batch that nobody waits for any more is not worth its time
        self._threads.shutdown(cancel_futures=True)
        for ours, process in zip(self._ours, self._processes, strict=True):
            ours.close()
            process.join()

    def submit(self, batch: Sequence[Texts]) -> Future[list[Masked]]:
        return self._threads.submit(self._ask, batch)

    def _ask(self, batch: Sequence[Texts]) -> list[Masked]:
        pipe = self._free.get()
        try:
            pipe.send(batch)
            masked: list[Masked] = pipe.recv()
        except (EOFError, OSError) as exc:
            raise MaskingStopped from exc
        finally:
            self._free.put(pipe)
        return masked


def _serve(pipe: Connection) -> None:
    """Mask batch after batch until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started this
    os.nice(POLITE)
    while True:
        try:
            batch = pipe.recv()
        except EOFError:
            return
        pipe.send([mask(texts) for texts in batch])
