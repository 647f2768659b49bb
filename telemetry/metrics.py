"""How questions ended, day by day, as values for charts: read from the counts (`telemetry.rollups`), today the last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from telemetry.rollups.reading import Metric, Range, chart


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


def routes_by_day(tenant: str, days: int, *, now: datetime | None = None) -> tuple[DayRoutes, ...]:
    """How questions ended on each of the last `days` days, days without any included."""
    span = Range.of_last(days, now)
    counted = chart(Metric.ROUTE, tenant, span)
    of_day = zip(*(counted.line(route).counts for route in ("local", "fallback", "abstain", "failed")), strict=True)
    return tuple(DayRoutes(day, *counts) for day, counts in zip(span.days, of_day, strict=True))
