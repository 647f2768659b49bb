"""Vectors for programs: the embedder of the search, asked by strangers, so in small steps and by few at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import BoundedSemaphore
from typing import Final, Literal

import numpy as np

from inference.exceptions import DeadlineExceeded, EngineBusy, GenerationCancelled
from retrieval.embeddings import Vectors
from retrieval.generations import serving_embedder

AT_ONCE: Final = 4  # callers; the processor is one, and the questions of people need it too
STEP: Final = 16
STEP_CHARACTERS: Final = 4000  # of several texts together; seconds on two cores
DEADLINE_S: Final = 60.0
RETRY_AFTER_S: Final = 5.0

_seats = BoundedSemaphore(AT_ONCE)


def embed(texts: Sequence[str], *, kind: Literal["query", "passage"], cancelled: Callable[[], bool]) -> Vectors:
    """One unit vector a text, (n, d) float32.

    Raises `EngineBusy`, `DeadlineExceeded`, `GenerationCancelled`, or `EmbeddingFailed`.
    """
    embedder = serving_embedder()
    began = time.monotonic()
    found: list[Vectors] = []
    with _seat():
        for step in _steps(texts):
            if cancelled():
                raise GenerationCancelled("whoever asked went away")
            if time.monotonic() - began > DEADLINE_S:
                raise DeadlineExceeded(f"{len(found)} of {len(texts)} texts embedded within {DEADLINE_S:.0f} s")
            found.extend(embedder.passages(step) if kind == "passage" else map(embedder.query, step))
    return np.stack(found)


def _steps(texts: Sequence[str]) -> Iterator[list[str]]:
    """`texts` in their order, a few at a time: so often is it looked whether they are still wanted."""
    step: list[str] = []
    for text in texts:
        if step and (len(step) == STEP or sum(map(len, step)) + len(text) > STEP_CHARACTERS):
            yield step
            step = []
        step.append(text)
    if step:
        yield step


def count_tokens(texts: Sequence[str]) -> int:
    """What `usage` says."""
    embedder = serving_embedder()
    return sum(embedder.token_count(text) for text in texts)


@contextmanager
def _seat() -> Iterator[None]:
    if not _seats.acquire(blocking=False):
        raise EngineBusy(retry_after_s=RETRY_AFTER_S)
    try:
        yield
    finally:
        _seats.release()
