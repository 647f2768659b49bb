"""How much is asked about gaps: by gap and week, and how often a gap that was known is asked again. Reads only."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import CharField, Count, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat, TruncWeek
from django.utils import timezone

from telemetry.models import Gap, GapQuestion

WEEKS = 8
_NUMBER = {"output_field": CharField()}
_ASKER = Concat(
    Coalesce(Cast("questions__user_id", **_NUMBER), Value("-")),
    Value(":"),
    Coalesce(Cast("questions__key_id", **_NUMBER), Value("-")),
)
_COUNTED = Q(questions__counted=True)


@dataclass(frozen=True, slots=True)
class AskedAgain:
    """The unanswered questions of the week from Monday `week` on, ignored subjects left out, and those `repeated`:
    asked when their gap was known already. `share` is None of no question."""

    week: date
    questions: int
    repeated: int

    @property
    def share(self) -> float | None:
        return self.repeated / self.questions if self.questions else None


def with_counts(gaps: QuerySet[Gap]) -> QuerySet[Gap]:
    """The gaps with `asked` (questions) and `askers` (people, keys; who is nobody is one)."""
    asked = Count("questions", filter=_COUNTED, distinct=True)
    return gaps.annotate(asked=asked, askers=Count(_ASKER, filter=_COUNTED, distinct=True))


def mondays(now: datetime, weeks: int = WEEKS) -> list[date]:
    """The first days of this week and of those before it, the oldest first."""
    today = timezone.localdate(now)
    this = today - timedelta(days=today.weekday())
    return [this - timedelta(weeks=back) for back in reversed(range(weeks))]


def trends(gap_ids: list[int], now: datetime) -> dict[int, list[int]]:
    """Questions of each gap in each of the last `WEEKS` weeks, the oldest first."""
    weeks = mondays(now)
    asked = GapQuestion.objects.filter(gap_id__in=gap_ids, counted=True, day__gte=weeks[0])
    rows = asked.annotate(week=TruncWeek("day")).values_list("gap_id", "week").annotate(count=Count("pk"))
    found = {(gap_id, week): count for gap_id, week, count in rows.order_by()}
    return {gap_id: [found.get((gap_id, week), 0) for week in weeks] for gap_id in gap_ids}


def asked_again(tenant: str, now: datetime, *, weeks: int = WEEKS) -> tuple[AskedAgain, ...]:
    """The repeat-gap rate by week, the oldest first: how much of what is not answered is known work that waits."""
    days = mondays(now, weeks)
    asked = GapQuestion.objects.filter(tenant=tenant, counted=True, day__gte=days[0])
    asked = asked.filter(Q(gap=None) | ~Q(gap__state=Gap.State.IGNORED)).annotate(week=TruncWeek("day"))
    every = Counter(dict(asked.values_list("week").annotate(count=Count("pk")).order_by()))
    known = asked.filter(asked_at__gt=F("gap__created_at"))
    again = Counter(dict(known.values_list("week").annotate(count=Count("pk")).order_by()))
    return tuple(AskedAgain(day, every[day], again[day]) for day in days)
