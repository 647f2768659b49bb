"""What the events say, as values for charts. PostgreSQL adds up; days are those of AION_TIME_ZONE, today the last.

Every window is an id range of the events, so that only its months are read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, Max, Q, QuerySet, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Lower, Trim, TruncDate
from django.utils import timezone

from telemetry.events import EventKind
from telemetry.models import Event, Feedback, Reservation
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


@dataclass(frozen=True)
class StageLatency:
    """Percentiles of one stage of `n` answers."""

    stage: str
    n: int
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class UnansweredQuestion:
    """A question the documents did not answer, in the words of the last who asked it."""

    question: str
    count: int
    last_asked: datetime


@dataclass(frozen=True)
class FeedbackCounts:
    liked: int
    disliked: int
    neutral: int
    commented: int
    corrected: int


@dataclass(frozen=True)
class DayCost:
    """What was charged for the paid calls reserved on one day."""

    day: date
    calls: int
    cost_usd: Decimal


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


def latency(tenant: str, days: int, *, now: datetime | None = None) -> tuple[StageLatency, ...]:
    """Percentiles of each stage's time over the last `days` days, the slowest stage first."""
    window = _Window(days, now)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT stage.key, count(*),
                   percentile_cont(0.5) WITHIN GROUP (ORDER BY stage.value::float),
                   percentile_cont(0.95) WITHIN GROUP (ORDER BY stage.value::float)
              FROM telemetry_event e
             CROSS JOIN LATERAL jsonb_each(
                       CASE jsonb_typeof(e.meta -> 'timings') WHEN 'object' THEN e.meta -> 'timings' ELSE '{}' END
                   ) AS stage
             WHERE e.tenant = %(tenant)s AND e.kind = 'answer' AND e.id >= %(low)s AND e.id < %(high)s
               AND jsonb_typeof(stage.value) = 'number'
             GROUP BY stage.key
             ORDER BY 3 DESC, 1
            """,
            {"tenant": tenant, **window.bounds},
        )
        return tuple(StageLatency(*row) for row in cursor.fetchall())


def fallback_share(tenant: str, days: int = 7, *, now: datetime | None = None) -> float:
    """The share (0-1) of the last `days` days' questions that went to the paid API; 0 where there were none."""
    routed = routes_by_day(tenant, days, now=now)
    asked = sum(day.total for day in routed)
    return sum(day.fallback for day in routed) / asked if asked else 0.0


def unanswered_questions(
    tenant: str, days: int, *, limit: int = 10, now: datetime | None = None
) -> tuple[UnansweredQuestion, ...]:
    """What was asked and not answered most often, spelling in capitals or not being the same."""
    abstained = _answers(tenant, _Window(days, now)).filter(meta__source="abstain")
    asked = (
        abstained.annotate(prompt=Trim(KT("meta__prompt")), same=Lower("prompt"))
        .values("same")
        .annotate(question=Max("prompt"), count=Count("id"), last_asked=Max("at"))
        .order_by("-count", "-last_asked")[:limit]
    )
    return tuple(UnansweredQuestion(row["question"], row["count"], row["last_asked"]) for row in asked)


def feedback_counts(tenant: str, days: int, *, now: datetime | None = None) -> FeedbackCounts:
    """What askers thought in the last `days` days."""
    window = _Window(days, now)
    given = Feedback.objects.filter(tenant=tenant, created_at__gte=window.since, created_at__lt=window.until)
    return FeedbackCounts(
        **given.aggregate(
            liked=Count("id", filter=Q(vote=1)),
            disliked=Count("id", filter=Q(vote=-1)),
            neutral=Count("id", filter=Q(vote=0)),
            commented=Count("id", filter=~Q(comment="")),
            corrected=Count("id", filter=~Q(correction="")),
        )
    )


def cost_by_day(tenant: str, days: int, *, now: datetime | None = None) -> tuple[DayCost, ...]:
    """What the paid API cost on each of the last `days` days, from the ledger's reservations."""
    window = _Window(days, now)
    charged = (
        Reservation.objects.filter(tenant=tenant, id__gte=lowest_id(window.since), id__lt=lowest_id(window.until))
        .filter(cost_usd__gt=0)
        .annotate(day=TruncDate("created_at", tzinfo=timezone.get_default_timezone()))
        .values("day")
        .annotate(calls=Count("id"), usd=Sum(F("cost_usd")))
        .order_by("day")
    )
    by_day = {row["day"]: DayCost(row["day"], row["calls"], row["usd"]) for row in charged}
    return tuple(by_day.get(day, DayCost(day, 0, Decimal(0))) for day in window.days)


class _Window:
    """The last `days` local days, today included, up to the end of today."""

    def __init__(self, days: int, now: datetime | None) -> None:
        today = timezone.localtime(now or timezone.now()).date()
        self.days = tuple(today - timedelta(days=back) for back in reversed(range(days)))
        zone = timezone.get_default_timezone()
        self.since = datetime.combine(self.days[0], time.min, tzinfo=zone)
        self.until = datetime.combine(today + timedelta(days=1), time.min, tzinfo=zone)

    @property
    def bounds(self) -> dict[str, UUID]:
        return {"low": lowest_id(self.since), "high": lowest_id(self.until)}


def _answers(tenant: str, window: _Window) -> QuerySet[Event]:
    bounds = window.bounds
    return Event.objects.filter(
        tenant=tenant, kind=EventKind.ANSWER, id__gte=bounds["low"], id__lt=bounds["high"]
    ).order_by()
