"""Questions that people really asked and whose source somebody judged: golden questions that nobody had to write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from uuid import UUID

from django.conf import settings

from chat.golden.sources import Source
from chat.judges import counted
from retrieval.models import Chunk
from retrieval.results import Hidden
from telemetry.traffic import JudgedAnswer, judged_answers


def judged_questions(since: datetime) -> tuple[tuple[str, Source], ...]:
    """Each question asked since then with the passages that people said answer it, as far as they are still there:
    those they named, else those that an answer they liked cites."""
    rows = judged_answers(settings.PRIMARY_TENANT_ID, since)
    judged = [row for row, counts in zip(rows, counted([row.judge_id for row in rows]), strict=True) if counts]
    named = {row.query: _named(row) for row in judged}
    chunks = _installed({chunk_id for ids in named.values() for chunk_id in ids})
    return tuple(_questions(named, chunks))


def _named(row: JudgedAnswer) -> frozenset[int]:
    numbers = set(row.relevant_sources) or {source["number"] for source in row.sources if source.get("cited")}
    return frozenset(int(source["chunkId"]) for source in row.sources if source.get("number") in numbers)


def _installed(ids: set[int]) -> dict[int, tuple[UUID, int]]:
    """The document of each chunk, and how many chunks that has."""
    rows = Chunk.objects.filter(
        pk__in=ids, document__tenant=settings.PRIMARY_TENANT_ID, document__collection="main"
    ).values_list("id", "document_id", "document__chunk_count")
    return {chunk_id: (document_id, count) for chunk_id, document_id, count in rows}


def _questions(
    named: Mapping[str, frozenset[int]], chunks: Mapping[int, tuple[UUID, int]]
) -> Iterator[tuple[str, Source]]:
    for text, ids in named.items():
        there = ids & chunks.keys()
        if not there:
            continue
        documents = frozenset(chunks[chunk_id][0] for chunk_id in there)
        count = sum({chunks[chunk_id][0]: chunks[chunk_id][1] for chunk_id in there}.values())
        yield (
            text,
            Source(
                hidden_document=Hidden(document_ids=documents),
                hidden_passage=Hidden(chunk_ids=there),
                group=str(min(documents)),
                has_neighbours=count > len(there),
            ),
        )
