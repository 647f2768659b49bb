"""Answers as they were recorded, with what had been found for them; and those that nobody reviewed. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from telemetry.events import EventKind
from telemetry.models import Event
from telemetry.partitions import lowest_id

BATCH = 500


@dataclass(frozen=True, slots=True)
class RecordedAnswer:
    """The details of an answer event and of its retrieval event; `retrieval` is None where that is no longer kept."""

    event_id: UUID
    answer: Mapping[str, Any]
    retrieval: Mapping[str, Any] | None


def recorded_answers(tenant: str, event_ids: Sequence[UUID]) -> Iterator[RecordedAnswer | None]:
    """Each of the answers in turn, None where it is no longer kept; a batch is read at a time."""
    for start in range(0, len(event_ids), BATCH):
        ids = event_ids[start : start + BATCH]
        answers = _details(tenant, EventKind.ANSWER, ids)
        wanted = {event_id: UUID(meta["retrievalId"]) for event_id, meta in answers.items() if meta.get("retrievalId")}
        found = _details(tenant, EventKind.RETRIEVAL, wanted.values())
        for event_id in ids:
            meta = answers.get(event_id)
            yield None if meta is None else RecordedAnswer(event_id, meta, found.get(wanted.get(event_id, event_id)))


def unreviewed(
    tenant: str, since: datetime, until: datetime, reviewed: Collection[UUID], *, examples: int
) -> tuple[int, tuple[str, ...]]:
    """How many answers of [since, until) are not among `reviewed`, and the ids of the newest of them."""
    low, high = lowest_id(since), lowest_id(until)
    answers = Event.objects.filter(tenant=tenant, kind=EventKind.ANSWER, id__gte=low, id__lt=high)
    newest = answers.order_by("-id").values_list("id", flat=True)[: len(reviewed) + examples]
    left = [str(event_id) for event_id in newest if event_id not in reviewed]
    return answers.count() - answers.filter(id__in=list(reviewed)).count(), tuple(left[:examples])


def _details(tenant: str, kind: EventKind, ids: Collection[UUID]) -> dict[UUID, Mapping[str, Any]]:
    return dict(Event.objects.filter(tenant=tenant, kind=kind, id__in=list(ids)).values_list("id", "meta"))
