"""The index of vectors apart from the rest of a search: what it finds of what comparing all vectors finds, and what its
three numbers cost and bring."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from statistics import fmean
from unittest.mock import patch

from django.db import connection

from benchmarks.lines import Line
from benchmarks.questions import say
from chat.evaluation.measures import percentiles
from retrieval import candidates
from retrieval.candidates import gather_statistics, nearest_chunks
from retrieval.embeddings import get_embedder
from retrieval.generations import serving_generation
from retrieval.results import Hidden, SearchScope
from retrieval.text import query_terms

NEAREST = 24
SHIPS = (16, 64, candidates.EF_SEARCH)
BUILDS = ((16, 64), (16, 128), (32, 64))  # m, ef_construction; the first is what the partitions are made with
EF_SEARCHES = (40, 100, 200)
BUILD_MEMORY = "1GB"


def recall_and_ms(question: str, scope: SearchScope) -> tuple[float, float]:
    """Of the nearest by comparing all vectors, the share that the index names, and the milliseconds it took."""
    statistics = gather_statistics(query_terms(question), scope, Hidden())
    assert statistics is not None
    vector = get_embedder(statistics.embedder).query(question)
    began = time.perf_counter()
    found = nearest_chunks(vector, statistics, Hidden(), limit=NEAREST)
    took_ms = (time.perf_counter() - began) * 1000
    with patch.object(candidates, "EXACT_UP_TO", statistics.chunk_count):
        nearest = nearest_chunks(vector, statistics, Hidden(), limit=NEAREST)
    return len(set(found) & set(nearest)) / len(nearest), took_ms


def tuning(questions: Sequence[str], scope: SearchScope) -> Iterator[Line]:
    """Other numbers than those that ship, on what is loaded; the index is left as the last of them made it."""
    for m, ef_construction in BUILDS:
        say(f"scale: index with m {m}, ef_construction {ef_construction}")
        built_s, size_mb = _rebuild(m, ef_construction)
        about = f"index m {m}, ef_construction {ef_construction}"
        yield Line(about, "built_s", built_s)
        yield Line(about, "size_mb", size_mb)
        for ef_search in EF_SEARCHES:
            case = f"{about}, ef_search {ef_search}"
            conditions = {"n": len(questions), "ships": (m, ef_construction, ef_search) == SHIPS}
            with (
                patch.object(candidates, "EF_SEARCH", ef_search),
                patch.object(candidates, "EXACT_UP_TO", 0),
            ):
                found = [recall_and_ms(question, scope) for question in questions]
            yield Line(case, f"recall_at_{NEAREST}", fmean(recall for recall, _ms in found), conditions=conditions)
            times = percentiles([ms for _recall, ms in found])
            yield Line(case, "dense_p95_ms", times["p95"], conditions=conditions)


def _rebuild(m: int, ef_construction: int) -> tuple[float, float]:
    """Seconds it took, and megabytes the index takes."""
    generation, embedder = serving_generation()
    table = f"retrieval_embedding_g{generation.pk}"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX IF EXISTS {table}_hnsw")
        cursor.execute("SELECT set_config('maintenance_work_mem', %s, false)", [BUILD_MEMORY])
        began = time.monotonic()
        cursor.execute(
            f"CREATE INDEX {table}_hnsw ON {table} USING hnsw ((embedding::halfvec({embedder.dimensions:d})) "
            f"halfvec_cosine_ops) WITH (m = {m:d}, ef_construction = {ef_construction:d})"
        )
        took = time.monotonic() - began
        cursor.execute("SELECT pg_relation_size(%s)", [f"{table}_hnsw"])
        return took, cursor.fetchone()[0] / 2**20
