"""rank-bm25 over the chunks that AION searches: kept in memory, all of them scored for each question."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.conf import settings
from rank_bm25 import BM25Okapi

from retrieval.chunking import embedded_text
from retrieval.models import Chunk
from retrieval.text import tokens

WORD = re.compile(r"\w+")
NAMED = 24  # as many as a list of AION's


@dataclass(frozen=True, slots=True)
class Ranking:
    """Chunks, the best first, and the milliseconds it took to find them."""

    chunk_ids: tuple[int, ...]
    ms: float


class Peer:
    """BM25Okapi with its defaults, which are AION's constants; `words` cuts passages and questions."""

    def __init__(self, chunks: Mapping[int, str], words: Callable[[str], Sequence[str]]) -> None:
        self._ids = list(chunks)
        self._words = words
        self._index = BM25Okapi([words(text) for text in chunks.values()])

    def rank(self, question: str) -> Ranking:
        began = time.perf_counter()
        scores = self._index.get_scores(self._words(question))
        best = np.argsort(-scores, kind="stable")[:NAMED]
        return Ranking(tuple(self._ids[place] for place in best), (time.perf_counter() - began) * 1000)


def peers(collections: Sequence[str]) -> dict[str, Peer]:
    """One with AION's stems, one with plain words in lower case."""
    rows = Chunk.objects.filter(
        document__tenant=settings.PRIMARY_TENANT_ID, document__collection__in=collections
    ).values_list("id", "document__title", "section", "text")
    chunks = {chunk_id: embedded_text(*parts) for chunk_id, *parts in rows.order_by("id")}
    return {"rank-bm25": Peer(chunks, tokens), "rank-bm25, plain words": Peer(chunks, plain_words)}


def plain_words(text: str) -> list[str]:
    """Without punctuation; its README cuts at spaces, which costs "custa?" its "custa"."""
    return WORD.findall(text.lower())
