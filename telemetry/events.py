"""The one writer of events. An event is a kind, a number, details as JSON and a moment; what it means is its writer's.

The moment is the one inside the id, so a time window is an id range and touches only its months' partitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import UUID

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
    Event.objects.create(
        id=event_id,
        tenant=tenant,
        kind=EventKind(kind),
        value=value,
        meta=without_nul(meta),
        at=moment_of(event_id),
        schema=SCHEMA,
    )
    return event_id


def find_event(event_id: UUID, tenant: str) -> EventRecord | None:
    """The tenant's event, or None."""
    row = Event.objects.filter(pk=event_id, tenant=tenant).first()
    if row is None:
        return None
    return EventRecord(id=row.id, kind=EventKind(row.kind), value=row.value, meta=row.meta, at=row.at)


def without_nul(value: Json) -> Json:
    """PostgreSQL's jsonb cannot hold U+0000 nor a lone surrogate; a hostile question must not lose its event."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {str(without_nul(key)): without_nul(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [without_nul(item) for item in value]
    return value
