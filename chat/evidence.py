"""Which sentences carry the answer: weighed against the question, packed for the prompt, quoted where that is safer.

Knows passages and vectors, not models or routes. Sentences beat whole passages for a small model (FACTS: the best
two hold the gold answer of 83 % of the questions).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from chat.prompts import PackedPassage
from retrieval.embeddings import get_embedder
from retrieval.results import QueryTerm, RetrievedChunk
from retrieval.text import split_sentences, tokens

EVIDENCE_PASSAGES = 4
SENTENCES_PER_PASSAGE = 24
SIMILARITY_FLOOR, SIMILARITY_CEILING = 0.75, 0.92  # E5 cosines of Portuguese sentences to questions lie in between
GAP = " […] "


def term_weights(terms: Iterable[QueryTerm], chunk_count: int) -> dict[str, float]:
    """The idf of each stem of the question; one that no passage holds weighs as much as the rarest could."""
    rarest = math.log1p((chunk_count + 0.5) / 0.5)
    return {term.term: term.idf or rarest for term in terms}


@dataclass(frozen=True, slots=True)
class SentenceVectors:
    """The sentences of one passage in order, their stems, and `(n, d)` unit vectors."""

    texts: tuple[str, ...]
    stems: tuple[frozenset[str], ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WeighedSentence:
    """A sentence of the passage at `passage` (0-based, in the order given) and how well it fits the question.

    `overlap` is the share of the question's idf found in it, `similarity` the cosine, `support` their mean with the
    cosine rescaled to [0, 1].
    """

    passage: int
    index: int
    text: str
    overlap: float
    similarity: float
    support: float


Weighed = tuple[WeighedSentence, ...]


def weigh_sentences(question: str, chunks: Sequence[RetrievedChunk], weights: Mapping[str, float]) -> Weighed:
    """All sentences of `chunks`, best support first; `weights` as `term_weights` gives. Raises `EmbeddingFailed`."""
    embedder = get_embedder()
    query = embedder.query(question)
    total = sum(weights.values()) or 1.0
    weighed = []
    for passage, chunk in enumerate(chunks):
        sentences = sentence_vectors(embedder.id, chunk.text)
        for index, (text, stems) in enumerate(zip(sentences.texts, sentences.stems, strict=True)):
            overlap = sum(weights[stem] for stem in stems & weights.keys()) / total
            similarity = float(sentences.vectors[index] @ query)
            support = (overlap + rescale(similarity)) / 2
            weighed.append(WeighedSentence(passage, index, text, overlap, similarity, support))
    return tuple(sorted(weighed, key=lambda sentence: -sentence.support))


def rescale(similarity: float) -> float:
    """A cosine of E5 as a share of the narrow band its cosines lie in."""
    return min(max((similarity - SIMILARITY_FLOOR) / (SIMILARITY_CEILING - SIMILARITY_FLOOR), 0.0), 1.0)


@lru_cache(maxsize=2048)
def sentence_vectors(embedder_id: str, text: str) -> SentenceVectors:
    """The sentences of a passage, embedded once per text and embedder (some 10 ms each)."""
    sentences = tuple(sentence.text for sentence in split_sentences(text))[:SENTENCES_PER_PASSAGE] or (text,)
    return SentenceVectors(
        texts=sentences,
        stems=tuple(frozenset(tokens(sentence)) for sentence in sentences),
        vectors=get_embedder().passages(list(sentences)),
    )


def pack(
    chunks: Sequence[RetrievedChunk],
    weighed: Sequence[WeighedSentence],
    *,
    budget_tokens: int,
    count_tokens: Callable[[str], int],
) -> tuple[tuple[PackedPassage, ...], tuple[RetrievedChunk, ...]]:
    """What the prompt shows, within `budget_tokens`, and the chunk behind each number.

    Whole passages where all fit (a strong model's budget); else the best sentences with their neighbours, in the
    order of the passages. At least the best sentence is packed, whatever the budget.
    """
    if sum(count_tokens(chunk.text) for chunk in chunks) <= budget_tokens:
        return _numbered((chunk, chunk.text) for chunk in chunks)
    chosen = _choose_within(weighed, budget_tokens, count_tokens)
    return _numbered((chunks[passage], _excerpt(texts)) for passage, texts in sorted(chosen.items()))


def _choose_within(
    weighed: Sequence[WeighedSentence], budget_tokens: int, count_tokens: Callable[[str], int]
) -> dict[int, dict[int, str]]:
    """Sentence texts by passage and index: best first, each with the one before and the one after it."""
    texts = {(sentence.passage, sentence.index): sentence.text for sentence in weighed}
    chosen: dict[int, dict[int, str]] = {}
    left = budget_tokens
    for sentence in weighed:
        place = (sentence.passage, sentence.index)
        around = [place, (place[0], place[1] + 1), (place[0], place[1] - 1)]
        for passage, index in around:
            if (passage, index) not in texts or index in chosen.get(passage, {}):
                continue
            cost = count_tokens(texts[passage, index])
            if cost > left and chosen:
                return chosen
            chosen.setdefault(passage, {})[index] = texts[passage, index]
            left -= cost
    return chosen


def _excerpt(sentences: dict[int, str]) -> str:
    """The chosen sentences in their order, a mark where some are left out."""
    pieces: list[str] = []
    previous: int | None = None
    for index in sorted(sentences):
        if previous is not None:
            pieces.append(" " if index == previous + 1 else GAP)
        pieces.append(sentences[index].strip())
        previous = index
    return "".join(pieces)


def _numbered(
    pairs: Iterable[tuple[RetrievedChunk, str]],
) -> tuple[tuple[PackedPassage, ...], tuple[RetrievedChunk, ...]]:
    listed = list(pairs)
    passages = tuple(PackedPassage(number, chunk.name, text) for number, (chunk, text) in enumerate(listed, start=1))
    return passages, tuple(chunk for chunk, _ in listed)
