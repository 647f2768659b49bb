"""Events of every kind that is counted, and the counts as they stand, for tests."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from telemetry.events import EventKind, Json, record
from telemetry.models import Rollup
from tests.telemetry.answers import TENANT, id_at

NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)
Row = tuple[object, ...]


def record_search(*documents: UUID, at: datetime = NOON, number: int = 0, title: str = "Palácio da Pena") -> UUID:
    items: list[Json] = [{"text": "x", "rank": 1, "documentId": str(one), "title": title} for one in documents]
    meta: dict[str, Json] = {"query": "q", "items": items}
    return record(EventKind.RETRIEVAL, value=len(items), meta=meta, tenant=TENANT, event_id=id_at(at, 1000 + number))


def rows(**only: object) -> list[Row]:
    """All that is counted, as values that can be compared."""
    fields = ("tenant", "grain", "metric", "start", "label", "bin", "name", "count", "total")
    return sorted(Rollup.objects.filter(**only).values_list(*fields), key=repr)


def counted(metric: Rollup.Metric, grain: str = "hour") -> dict[str, int]:
    """How often each label occurred, all hours together."""
    found: dict[str, int] = {}
    for label, count in Rollup.objects.filter(metric=metric, grain=grain).values_list("label", "count"):
        found[label] = found.get(label, 0) + count
    return found
