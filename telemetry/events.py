"""The one writer of events. An event is a kind, a number, details as JSON and a moment; what it means is its writer's.

The moment is the one inside the id, so a time window is an id range and touches only its months' partitions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

from django.db import connection, transaction

from telemetry.models import Event, new_id

SCHEMA = 1
EventKind = Event.Kind
Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True)
class EventRecord:
    id: UUID
    kind: EventKind
    value: float
    meta: Mapping[str, Json]
    at: datetime


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to be recorded; `telemetry.event_shapes` says what `meta` holds for each kind."""

    kind: EventKind
    value: float
    meta: Mapping[str, Json]
    id: UUID


def new_event_id() -> UUID:
    """A UUIDv7 for an event to be recorded later, so that others can refer to it before."""
    return new_id()


def moment_of(event_id: UUID) -> datetime:
    """When the UUIDv7 `event_id` was made, to the millisecond. Raises ValueError for another kind of id."""
    if event_id.version != 7:
        raise ValueError(f"{event_id} is not a UUIDv7")
    return datetime.fromtimestamp((event_id.int >> 80) / 1000, tz=UTC)


def record(
    kind: EventKind,
    *,
    value: float,
    meta: Mapping[str, Json],
    tenant: str,
    event_id: UUID | None = None,
) -> UUID:
    """Append one event and return its id; in the caller's transaction, so that both happen or neither."""
    event_id = event_id or new_id()
    record_all([NewEvent(kind, value, meta, event_id)], tenant=tenant)
    return event_id


def record_all(new: Sequence[NewEvent], *, tenant: str) -> None:
    """Append the events of one occasion in one round trip, likewise in the caller's transaction.

    By hand: Django's `bulk_create` sends arrays, which are quoted letter by letter, and took twice as long.
    """
    rows = [
        (event.id, tenant, EventKind(event.kind), event.value, _as_json(event.meta), moment_of(event.id), SCHEMA)
        for event in new
    ]
    if rows:
        with connection.cursor() as cursor:
            cursor.execute(_INSERT + ", ".join([_ROW] * len(rows)), [value for row in rows for value in row])


_INSERT = "INSERT INTO telemetry_event (id, tenant, kind, value, meta, at, schema) VALUES "
_ROW = "(%s, %s, %s, %s, %s, %s, %s)"


@contextmanager
def rewriting() -> Iterator[None]:
    """Within it events may be changed and deleted, which the database refuses otherwise: for erasure and retention."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL aion.rewriting_events = 'on'")
        yield
        cursor.execute("SET LOCAL aion.rewriting_events = 'off'")


def find_event(event_id: UUID, tenant: str) -> EventRecord | None:
    """The tenant's event, or None."""
    row = Event.objects.filter(pk=event_id, tenant=tenant).first()
    if row is None:
        return None
    return EventRecord(id=row.id, kind=EventKind(row.kind), value=row.value, meta=row.meta, at=row.at)


def _as_json(meta: Mapping[str, Json]) -> str:
    text = json.dumps(meta)
    return json.dumps(_without_nul(meta)) if _SUSPICIOUS.search(text) else text


_SUSPICIOUS = re.compile(r"\\u(0000|d[89a-f])")  # as JSON spells them


def _without_nul(value: Json) -> Json:
    """PostgreSQL's jsonb cannot hold U+0000 nor a lone surrogate; a hostile question must not lose its event."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {str(_without_nul(key)): _without_nul(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_without_nul(item) for item in value]
    return value
