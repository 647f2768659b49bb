"""The SQL of a search. Access, tenant, validity and hidden passages are conditions of every statement, not a filter
after: the first one resolves who may see what today into shelves, which all the others have as a condition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from numpy.typing import NDArray

from retrieval import bm25
from retrieval.embeddings import Vectors
from retrieval.results import Hidden, SearchScope
from retrieval.storage import vector_literal
from retrieval.validity import today

Values = dict[str, Any]

EXACT_UP_TO = 5_000
"""Chunks in scope up to which all their vectors are compared: milliseconds, and no approximation to explain."""
EF_SEARCH = 100
"""Recall@24 .992 on 200,000 chunks (measured)."""
HEADER_BYTES = 4
"""pgvector's binary halfvec: two 16-bit integers, then big-endian halves."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """What a scope holds, hidden chunks left out. `frequencies` maps a known term to the number of chunks with it."""

    generation: int
    embedder: str
    dimensions: int
    shelves: tuple[int, ...]
    chunk_count: int
    term_total: int
    frequencies: Mapping[str, int]

    @property
    def mean_length(self) -> float:
        """Terms a chunk."""
        return self.term_total / self.chunk_count if self.chunk_count else 1.0

    def idf(self, term: str) -> float:
        return bm25.idf(self.frequencies.get(term, 0), self.chunk_count)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that one of the two lists named; `embedding` is (d,) as stored, `text_score` its exact BM25."""

    chunk_id: int
    document_id: UUID
    title: str
    section: str
    page: int | None
    text: str
    url: str
    labels: tuple[str, ...]
    version: int
    embedding: NDArray[np.float64]
    text_score: float
    by_text: bool


STATISTICS = """
WITH shelf AS (
    SELECT id FROM retrieval_shelf
    WHERE tenant = %(tenant)s AND collection = ANY(%(collections)s)
      AND (%(all_groups)s OR groups = '{}' OR groups && %(groups)s::text[])
      AND coalesce(valid_from <= %(today)s, true) AND coalesce(valid_until >= %(today)s, true)
), held AS (
    SELECT coalesce(sum(chunk_count), 0) AS chunks, coalesce(sum(term_count), 0) AS terms FROM retrieval_document
    WHERE shelf_id IN (SELECT id FROM shelf) AND id <> ALL(%(hidden_documents)s)
), hidden AS (
    SELECT count(*) AS chunks, coalesce(sum(c.term_count), 0) AS terms
    FROM retrieval_chunk c JOIN retrieval_document d ON d.id = c.document_id
    WHERE c.id = ANY(%(hidden_chunks)s) AND d.shelf_id IN (SELECT id FROM shelf) AND d.id <> ALL(%(hidden_documents)s)
), known AS (
    SELECT term, count(*) AS frequency FROM retrieval_posting
    WHERE term = ANY(%(terms)s) AND shelf_id IN (SELECT id FROM shelf)
      AND document_id <> ALL(%(hidden_documents)s) AND chunk_id <> ALL(%(hidden_chunks)s)
    GROUP BY term
)
SELECT generation.id, generation.embedder, generation.dimensions, ARRAY(SELECT id FROM shelf),
       held.chunks - hidden.chunks, held.terms - hidden.terms, ARRAY(SELECT term FROM known ORDER BY term),
       ARRAY(SELECT frequency FROM known ORDER BY term)
FROM retrieval_embeddinggeneration generation, held, hidden WHERE generation.state = 'active'
"""

INDEX_SETTINGS = """
SELECT set_config('hnsw.ef_search', %(ef_search)s, true), set_config('hnsw.iterative_scan', 'relaxed_order', true)
"""

# The cast is the column's own type: with another one PostgreSQL looks through the list instead of hashing it.
IN_SCOPE = """shelf_id = ANY(%(shelves)s::bigint[]) AND document_id <> ALL(%(hidden_documents)s)
      AND chunk_id <> ALL(%(hidden_chunks)s)"""

# The cast is the index's own, else it would not be used; adding zero keeps it from being used.
NEAREST = """
SELECT chunk_id FROM retrieval_embedding
WHERE generation = %(generation)s AND {in_scope}
ORDER BY (embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions})) {exactly} LIMIT %(limit)s
"""

CANDIDATES = f"""
WITH weight AS (
    SELECT * FROM unnest(%(terms)s::text[], %(idfs)s::float8[]) AS weight (term, idf)
), best AS (
    SELECT chunk_id FROM retrieval_posting JOIN weight USING (term)
    WHERE term = ANY(%(choosing)s::text[]) AND {IN_SCOPE}
    GROUP BY chunk_id ORDER BY sum({bm25.TERM_SCORE}) DESC, chunk_id LIMIT %(limit)s
), candidate AS (
    SELECT unnest(%(nearest)s::bigint[]) AS chunk_id UNION SELECT chunk_id FROM best
)
SELECT c.id, c.document_id, d.title, c.section, c.page, c.text, d.url, d.labels, d.version, halfvec_send(e.embedding),
       (SELECT coalesce(sum({bm25.TERM_SCORE}), 0)
        FROM retrieval_posting JOIN weight USING (term) WHERE chunk_id = c.id),
       c.id IN (SELECT chunk_id FROM best)
FROM candidate
JOIN retrieval_chunk c ON c.id = candidate.chunk_id
JOIN retrieval_document d ON d.id = c.document_id
JOIN retrieval_embedding e ON e.generation = %(generation)s AND e.chunk_id = c.id
ORDER BY c.id
"""  # noqa: S608 - composed of the constants above


def gather_statistics(terms: Sequence[str], scope: SearchScope, hidden: Hidden) -> Statistics | None:
    """What the scope holds; None while no document was ever stored."""
    values = _hidden_values(hidden) | {
        "tenant": scope.tenant,
        "collections": list(scope.collections),
        "all_groups": scope.groups is None,
        "groups": list(scope.groups or ()),
        "terms": list(terms),
        "today": today(),
    }
    with connection.cursor() as cursor:
        cursor.execute(STATISTICS, values)
        row = cursor.fetchone()
    if row is None:
        return None
    generation, embedder, dimensions, shelves, chunks, term_total, known, frequencies = row
    return Statistics(
        generation,
        embedder,
        dimensions,
        tuple(shelves),
        int(chunks),
        int(term_total),
        dict(zip(known, frequencies, strict=True)),
    )


def nearest_chunks(vector: Vectors, statistics: Statistics, hidden: Hidden, *, limit: int) -> list[int]:
    """Ids of the chunks most similar to the question: exact in a small scope, else by the index with iterative scan."""
    is_exact = statistics.chunk_count <= EXACT_UP_TO
    query = NEAREST.format(in_scope=IN_SCOPE, dimensions=len(vector), exactly="+ 0" if is_exact else "")
    values = _scope_values(statistics, hidden) | {"vector": vector_literal(vector), "limit": limit}
    if is_exact:
        return _ids(query, values)
    with transaction.atomic():  # the settings end with it
        _ids(INDEX_SETTINGS, {"ef_search": str(max(EF_SEARCH, limit))})
        return _ids(query, values)


def _ids(query: str, values: Values) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return [row[0] for row in cursor.fetchall()]


def score_candidates(
    terms: Sequence[str], nearest: Sequence[int], statistics: Statistics, hidden: Hidden, *, limit: int
) -> list[Candidate]:
    """The `nearest` and the best by BM25, each chunk once, with everything a search tells of them."""
    values = _scope_values(statistics, hidden) | {
        "terms": list(terms),
        "idfs": [statistics.idf(term) for term in terms],
        "choosing": list(bm25.choosing_terms(statistics.frequencies)),
        "mean_length": statistics.mean_length,
        "nearest": list(nearest),
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(CANDIDATES, values)
        return [_candidate(row) for row in cursor.fetchall()]


def _candidate(row: tuple[Any, ...]) -> Candidate:
    chunk_id, document_id, title, section, page, text, url, labels, version, embedding, text_score, by_text = row
    vector = np.frombuffer(embedding, dtype=">f2", offset=HEADER_BYTES).astype(np.float64)
    described = (chunk_id, document_id, title, section, page, text, url, tuple(labels), version)
    return Candidate(*described, vector, float(text_score), by_text)


def _scope_values(statistics: Statistics, hidden: Hidden) -> Values:
    return _hidden_values(hidden) | {"generation": statistics.generation, "shelves": list(statistics.shelves)}


def _hidden_values(hidden: Hidden) -> Values:
    return {"hidden_documents": list(hidden.document_ids), "hidden_chunks": list(hidden.chunk_ids)}
