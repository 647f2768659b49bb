"""What every embedder makes: unit vectors in float32, and the care that their texts and values need."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from retrieval.exceptions import EmbeddingFailed

Vectors = NDArray[np.float32]

REMEMBERED_CHARACTERS = 2000  # the longest text that is kept with its vector: a question, not a document


def remembered(embed: Callable[[str], Vectors]) -> Callable[[str], Vectors]:
    """`embed` that keeps the last thousand questions: one answer asks for its question's vector several times."""

    def shared(text: str) -> Vectors:
        vector = embed(text)
        vector.setflags(write=False)  # it is shared from the cache
        return vector

    kept = lru_cache(maxsize=1024)(shared)
    return lambda text: kept(text) if len(text) <= REMEMBERED_CHARACTERS else embed(text)


def clean(text: str) -> str:
    """Engines take C strings and JSON: a NUL would end the text, a lone surrogate would not encode."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode()


def checked(vectors: Vectors) -> Vectors:
    """The same; raises `EmbeddingFailed` where one is not of unit length (or no number)."""
    if not np.allclose(np.linalg.norm(vectors, axis=-1), 1.0, atol=1e-3):
        raise EmbeddingFailed("the embedder gave vectors that are not of unit length")
    return vectors
