"""A bag-of-words embedder, deterministic and free, for what does not turn on the real one's quality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from pytest_django.fixtures import Settings

from retrieval import embeddings
from retrieval.embeddings import Vectors
from retrieval.ingestion import ingest
from retrieval.text import tokens


class WordEmbedder:
    """Each stem is a fixed random direction; a text is the sum of its stems."""

    id = "words:384"
    dimensions = 384

    def query(self, text: str) -> Vectors:
        return self.passages([text])[0]

    def passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.stack([self._sum(text) for text in texts]) if texts else np.empty((0, self.dimensions))
        return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def token_count(self, text: str) -> int:
        return 2 * len(text.split())

    def _sum(self, text: str) -> Vectors:
        return sum(
            (np.random.default_rng(crc32(term.encode())).normal(size=self.dimensions) for term in tokens(text)),
            start=np.full(self.dimensions, 0.1),
        )


@pytest.fixture
def word_embedder(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> WordEmbedder:
    embedder = WordEmbedder()
    monkeypatch.setitem(embeddings.LIBRARIES, "words", lambda _: embedder)
    embeddings._embedder.cache_clear()
    settings.AION_EMBEDDER = embedder.id
    return embedder


@pytest.fixture
def bring_in(tmp_path: Path, db: None, word_embedder: WordEmbedder) -> Callable[..., Path]:
    """Write a file and ingest it; returns its path."""

    def bring(name: str, text: str, **options: object) -> Path:
        path = tmp_path / name
        path.write_text(text)
        ingest([path], tenant="casa", **options)
        return path

    return bring
