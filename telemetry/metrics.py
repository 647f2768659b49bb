"""What the events say, as values for charts. PostgreSQL adds up; days are those of AION_TIME_ZONE, today the last.

Every window is an id range of the events, so that only its months are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import TruncDate
from django.utils import timezone

from telemetry.events import EventKind
from telemetry.models import Event
from telemetry.partitions import lowest_id


@dataclass(frozen=True)
class DayRoutes:
    """How the questions of one day ended."""

    day: date
    local: int = 0
    fallback: int = 0
    abstain: int = 0
    failed: int = 0

    @property
    def total(self) -> int:
        return self.local + self.fallback + self.abstain + self.failed


@dataclass(frozen=True)
class HeatmapRow:
    """In how many retrievals a document was chosen, day by day."""

    document_id: UUID
    title: str
    counts: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.counts)


@dataclass(frozen=True)
class Heatmap:
    """The most retrieved documents by day, the most retrieved first; `days` are the columns of every row."""

    days: tuple[date, ...]
    rows: tuple[HeatmapRow, ...]


def routes_by_day(tenant: str, days: int, *, now: datetime | None = None) -> tuple[DayRoutes, ...]:
    """How questions ended on each of the last `days` days, days without any included."""
    window = _Window(days, now)
    counted: dict[date, dict[str, int]] = {}
    for day, route, number in (
        _answers(tenant, window)
        .annotate(day=TruncDate("at", tzinfo=timezone.get_default_timezone()), route=KT("meta__source"))
        .values_list("day", "route")
        .annotate(number=Count("id"))
    ):
        known = route if route in ("local", "fallback", "abstain") else "failed"
        of_day = counted.setdefault(day, {})
        of_day[known] = of_day.get(known, 0) + number
    return tuple(DayRoutes(day, **counted.get(day, {})) for day in window.days)


def retrieval_heatmap(tenant: str, days: int, documents: int, *, now: datetime | None = None) -> Heatmap:
    """How often the `documents` most retrieved documents were chosen on each of the last `days` days."""
    window = _Window(days, now)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH hits AS (
                SELECT DISTINCT e.id, (e.at AT TIME ZONE %(zone)s)::date AS day,
                       jsonb_path_query(e.meta, '$.items[*].documentId') #>> '{}' AS document
                  FROM telemetry_event e
                 WHERE e.tenant = %(tenant)s AND e.kind = 'retrieval' AND e.id >= %(low)s AND e.id < %(high)s
            ), busiest AS (
                SELECT document, count(*) AS total, (array_agg(id ORDER BY id DESC))[1] AS latest
                  FROM hits GROUP BY document ORDER BY total DESC, document LIMIT %(documents)s
            ), titled AS (
                SELECT b.document, b.total, (
                    SELECT item ->> 'title'
                      FROM telemetry_event e CROSS JOIN LATERAL jsonb_path_query(e.meta, '$.items[*]') AS item
                     WHERE e.id = b.latest AND item ->> 'documentId' = b.document LIMIT 1
                ) AS title FROM busiest b
            )
            SELECT document, title, day, count(*)
              FROM hits JOIN titled USING (document)
             GROUP BY document, title, total, day
             ORDER BY total DESC, document, day
            """,
            {"zone": str(timezone.get_default_timezone()), "tenant": tenant, "documents": documents, **window.bounds},
        )
        found = cursor.fetchall()
    counts: dict[tuple[str, str], dict[date, int]] = {}
    for document, title, day, number in found:
        counts.setdefault((document, title or ""), {})[day] = number
    return Heatmap(
        days=window.days,
        rows=tuple(
            HeatmapRow(UUID(document), title, tuple(by_day.get(day, 0) for day in window.days))
            for (document, title), by_day in counts.items()
        ),
    )


class _Window:
    """The last `days` local days, today included, up to the end of today."""

    def __init__(self, days: int, now: datetime | None) -> None:
        today = timezone.localtime(now or timezone.now()).date()
        self.days = tuple(today - timedelta(days=back) for back in reversed(range(days)))
        zone = timezone.get_default_timezone()
        since = datetime.combine(self.days[0], time.min, tzinfo=zone)
        until = datetime.combine(today + timedelta(days=1), time.min, tzinfo=zone)
        self.bounds = {"low": lowest_id(since), "high": lowest_id(until)}


def _answers(tenant: str, window: _Window) -> QuerySet[Event]:
    bounds = window.bounds
    return Event.objects.filter(
        tenant=tenant, kind=EventKind.ANSWER, id__gte=bounds["low"], id__lt=bounds["high"]
    ).order_by()
