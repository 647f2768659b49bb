"""A bag-of-words embedder, deterministic and free, for what does not turn on the real one's quality."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray
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
        (vector,) = self.passages([text])
        return np.asarray(vector)

    def passages(self, texts: Sequence[str]) -> Vectors:
        sums = [self._sum(text) for text in texts]
        vectors = np.array([vector / np.linalg.norm(vector) for vector in sums], np.float32)
        return vectors.reshape(len(texts), self.dimensions)

    def token_count(self, text: str) -> int:
        return 2 * len(text.split())

    def _sum(self, text: str) -> NDArray[np.float64]:
        total = np.full(self.dimensions, 0.1)
        for term in tokens(text):
            total += np.random.default_rng(crc32(term.encode())).normal(size=self.dimensions)
        return total


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

    def bring(name: str, text: str, labels: Sequence[str] = (), groups: Sequence[str] = ()) -> Path:
        path = tmp_path / name
        path.write_text(text)
        ingest([path], tenant="casa", labels=labels, groups=groups)
        return path

    return bring
