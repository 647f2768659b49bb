"""A retrieval in plain values, for people who ask why a passage was found or not."""

from __future__ import annotations

from retrieval.results import Retrieval, RetrievedChunk, SearchScope


def explain(retrieval: Retrieval, scope: SearchScope) -> dict[str, object]:
    """What was searched, every candidate with its ranks (dense, text, fused, MMR) and all scores, terms and timings."""
    places = {hit.chunk_id: hit.rank for hit in retrieval.selected}
    timings = retrieval.timings
    return {
        "query": retrieval.query,
        "filters": {
            "tenant": scope.tenant,
            "collections": list(scope.collections),
            "groups": None if scope.groups is None else list(scope.groups),
        },
        "embedder": retrieval.embedder,
        "generation": retrieval.generation,
        "chunks": retrieval.chunk_count,
        "terms": [{"term": term.term, "idf": round(term.idf, 3)} for term in retrieval.terms],
        "selected": [hit.chunk_id for hit in retrieval.selected],
        "candidates": [_candidate(hit, places.get(hit.chunk_id)) for hit in retrieval.candidates],
        "timings_ms": {
            "embed": round(timings.embed_ms, 2),
            "dense": round(timings.dense_ms, 2),
            "text": round(timings.text_ms, 2),
            "fuse": round(timings.fuse_ms, 2),
            "rerank": round(timings.rerank_ms, 2),
            "search": round(timings.search_ms, 2),
        },
    }


def _candidate(hit: RetrievedChunk, mmr_rank: int | None) -> dict[str, object]:
    return {
        "chunk_id": hit.chunk_id,
        "document_id": str(hit.document_id),
        "name": hit.name,
        "document_version": hit.document_version,
        "labels": list(hit.labels),
        "dense_rank": hit.dense_rank,
        "text_rank": hit.text_rank,
        "fused_rank": hit.rank,
        "mmr_rank": mmr_rank,
        "similarity": round(hit.similarity, 4),
        "text_score": round(hit.text_score, 3),
        "score": round(hit.score, 4),
        "rerank_score": None if hit.rerank_score is None else round(hit.rerank_score, 4),
        "text": hit.text,
    }
