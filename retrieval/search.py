"""One search: dense and text candidates, both scores exactly for all of them, fused, and a varied selection."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from django.db import DatabaseError

from retrieval import mmr
from retrieval.candidates import Candidate, Statistics, gather_statistics, nearest_chunks, score_candidates
from retrieval.chunking import embedded_text
from retrieval.embeddings import get_embedder
from retrieval.exceptions import SearchFailed
from retrieval.generations import require_dimensions, serves
from retrieval.reranking import TOP_N, rerank
from retrieval.results import (
    Hidden,
    QueryTerm,
    Retrieval,
    RetrievedChunk,
    SearchScope,
    SearchSettings,
    SearchTimings,
)
from retrieval.text import query_terms


class Stopwatch:
    """Milliseconds since it was made or last read."""

    def __init__(self) -> None:
        self._since = time.perf_counter()

    def lap_ms(self) -> float:
        now = time.perf_counter()
        self._since, elapsed = now, now - self._since
        return elapsed * 1000


def retrieve(
    query: str,
    *,
    scope: SearchScope,
    settings: SearchSettings = SearchSettings(),  # noqa: B008 - frozen
    hidden: Hidden = Hidden(),  # noqa: B008 - frozen
) -> Retrieval:
    """Find what the documents of `scope` say about `query`; an empty installation gives an empty result.

    Raises `EmbeddingFailed` when the question cannot be embedded, `SearchFailed` when the database does not answer.
    """
    terms = query_terms(query)
    try:
        return _search(query, terms, scope, settings, hidden)
    except DatabaseError as exc:
        raise SearchFailed("the database did not answer the search") from exc


def _search(
    query: str, terms: tuple[str, ...], scope: SearchScope, settings: SearchSettings, hidden: Hidden
) -> Retrieval:
    watch = Stopwatch()
    statistics = gather_statistics(terms, scope, hidden)
    statistics_ms = watch.lap_ms()
    if statistics is None or statistics.chunk_count == 0:
        return _nothing_found(query, terms, statistics)
    vector = get_embedder(statistics.embedder).query(query)
    require_dimensions(statistics.embedder, len(vector), statistics.dimensions)
    embed_ms = watch.lap_ms()
    nearest = nearest_chunks(vector, statistics, hidden, limit=settings.dense_candidates)
    dense_ms = watch.lap_ms()
    found = score_candidates(terms, nearest, statistics, hidden, limit=settings.text_candidates)
    text_ms = statistics_ms + watch.lap_ms()
    if not found and not serves(statistics.generation):
        return _search(query, terms, scope, settings, hidden)  # exchanged and discarded meanwhile
    fused = _fused(found, vector.astype(np.float64), set(nearest))
    fuse_ms = watch.lap_ms()
    scored = _reranked(query, fused)
    rerank_ms = watch.lap_ms()
    candidates, chosen = tuple(hit for hit, _ in scored), _selected(scored, settings)
    return Retrieval(
        query=query,
        selected=chosen,
        candidates=candidates,
        terms=tuple(QueryTerm(term, statistics.idf(term)) for term in terms),
        chunk_count=statistics.chunk_count,
        embedder=statistics.embedder,
        generation=statistics.generation,
        timings=SearchTimings(embed_ms, dense_ms, text_ms, fuse_ms + watch.lap_ms(), rerank_ms),
    )


def _nothing_found(query: str, terms: Sequence[str], statistics: Statistics | None) -> Retrieval:
    return Retrieval(
        query=query,
        selected=(),
        candidates=(),
        terms=tuple(QueryTerm(term, 0.0) for term in terms),
        chunk_count=0,
        embedder=statistics.embedder if statistics else "",
        generation=statistics.generation if statistics else 0,
        timings=SearchTimings(0.0, 0.0, 0.0, 0.0),
    )


Hit = tuple[RetrievedChunk, mmr.Floats]
"""A chunk and its vector, (d,)."""


def _fused(found: Sequence[Candidate], vector: mmr.Floats, nearest: set[int]) -> list[Hit]:
    """All candidates, the best fused score first."""
    if not found:
        return []
    similarities = np.stack([candidate.embedding for candidate in found]) @ vector
    text_scores = np.array([candidate.text_score for candidate in found])
    fused = (mmr.z_scores(similarities) + mmr.z_scores(text_scores)) / 2
    by_similarity = _ranks(similarities, [candidate.chunk_id in nearest for candidate in found])
    by_text = _ranks(text_scores, [candidate.by_text for candidate in found])

    def hit(index: int, rank: int) -> Hit:
        candidate = found[index]
        chunk = RetrievedChunk(
            chunk_id=candidate.chunk_id,
            document_id=candidate.document_id,
            title=candidate.title,
            section=candidate.section,
            page=candidate.page,
            text=candidate.text,
            url=candidate.url,
            labels=candidate.labels,
            rank=rank,
            score=float(fused[index]),
            similarity=float(similarities[index]),
            text_score=candidate.text_score,
            dense_rank=by_similarity.get(index),
            text_rank=by_text.get(index),
            document_version=candidate.version,
        )
        return chunk, candidate.embedding

    best_first = np.argsort(-fused, kind="stable").tolist()
    return [hit(index, rank) for rank, index in enumerate(best_first, start=1)]


def _reranked(query: str, fused: list[Hit]) -> list[Hit]:
    """The same in the same order; the best of them with a cross-encoder's score, where there is one."""
    best = fused[:TOP_N]
    scores = rerank(query, [embedded_text(hit.title, hit.section, hit.text) for hit, _ in best])
    if scores is None:
        return fused
    rescored = [
        (replace(hit, rerank_score=float(score)), vector) for (hit, vector), score in zip(best, scores, strict=True)
    ]
    return rescored + fused[TOP_N:]


def _selected(scored: Sequence[Hit], settings: SearchSettings) -> tuple[RetrievedChunk, ...]:
    """In the order MMR took them: by the cross-encoder's scores among those that have one, else by the fused ones."""
    pool = [(hit, vector) for hit, vector in scored if hit.rerank_score is not None] or list(scored)
    if not pool:
        return ()
    relevance = np.array([hit.score if hit.rerank_score is None else hit.rerank_score for hit, _ in pool])
    vectors = np.stack([vector for _, vector in pool])
    picks = mmr.select(relevance, vectors, count=settings.top_k, trade_off=settings.mmr_lambda)
    return tuple(replace(pool[pick][0], rank=rank) for rank, pick in enumerate(picks, start=1))


def _ranks(scores: mmr.Floats, is_listed: Sequence[bool]) -> dict[int, int]:
    """Index to 1-based rank by score, of the candidates that this list named itself."""
    listed = [index for index in np.argsort(-scores, kind="stable").tolist() if is_listed[index]]
    return {index: rank for rank, index in enumerate(listed, start=1)}
