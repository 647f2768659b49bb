"""Keeps the counts by hour and day. What changed is known from `RollupDue`, which triggers fill in the transaction that
changes an event, an opinion or a review; here whole hours are counted again, and the days above them.

Nothing is lost: the rows of `RollupDue` are deleted in the transaction that counts, by a statement that came before the
counting, so whatever they tell of is seen by it; what commits later has rows of its own, left for the next run. Nothing
is counted twice, since hours are replaced. One process works at a time; one that is killed leaves things as they were.
"""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from telemetry.models import RollupSeal
from telemetry.models.ids import lowest_id
from telemetry.rollups.counting import count_day, count_hour

LOCK_NAME = "telemetry.rollups"
LONGEST_S = 50.0  # of a run: the task comes every minute
LATEST, EARLIEST = datetime(9999, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class _Day:
    """A local day of a tenant."""

    day: date
    tenant: str


def keep(*, longest_s: float = LONGEST_S) -> int:
    """Count what is due, the latest day first and each day once; how many days were. What takes longer is left to the
    next run, and all of it to another process that is at it."""
    return _keep(stop_at=time.monotonic() + longest_s)


def keep_all(*, before: datetime = LATEST) -> int:
    """The same to the end, or all that happened before a moment; waits for another process that is at it."""
    return _keep(before=before)


def rebuild(*, since: datetime = EARLIEST) -> int:
    """Count every hour since then again from what is there; how many days were. Sealed hours stay, their days are added
    up again: after AION_TIME_ZONE changed they begin at other hours."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_EVERYTHING_IS_DUE, {"low": lowest_id(since), "since": since})
    return keep_all()


def seal(until: datetime) -> None:
    """What was counted of the time before `until` is final, within the caller's transaction: its events are dropped."""
    RollupSeal.objects.create(until=until)


def _keep(*, stop_at: float | None = None, before: datetime = LATEST) -> int:
    last, counted = _Day(LATEST.date(), ""), 0
    while stop_at is None or time.monotonic() < stop_at:
        with transaction.atomic():
            if not _alone(wait=stop_at is None):
                break
            day, hours = _take(last, before)
            if day is None:
                break
            _count(day, hours)
        last, counted = day, counted + 1
    return counted


def _alone(*, wait: bool) -> bool:
    """Hold the lock until the end of this transaction."""
    with connection.cursor() as cursor:
        if wait:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LOCK_NAME])
            return True
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [LOCK_NAME])
        return bool(cursor.fetchone()[0])


_TAKE = """
WITH latest AS (
    SELECT (moment AT TIME ZONE %(zone)s)::date AS day, tenant FROM telemetry_rollupdue
     WHERE moment < %(before)s AND ((moment AT TIME ZONE %(zone)s)::date, tenant) < (%(day)s, %(tenant)s)
     ORDER BY day DESC, tenant DESC LIMIT 1
)
DELETE FROM telemetry_rollupdue AS due USING latest
 WHERE due.tenant = latest.tenant AND (due.moment AT TIME ZONE %(zone)s)::date = latest.day AND due.moment < %(before)s
RETURNING latest.day, latest.tenant, date_trunc('hour', due.moment, %(zone)s)
"""


def _take(last: _Day, before: datetime) -> tuple[_Day | None, Collection[datetime]]:
    """The latest day before `last` of which hours are due, and these; they are due no more."""
    values: dict[str, Any] = {"zone": _zone(), "before": before, "day": last.day, "tenant": last.tenant}
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, values)
        rows = cursor.fetchall()
    return (_Day(*rows[0][:2]) if rows else None), {hour for _day, _tenant, hour in rows}


def _count(day: _Day, hours: Collection[datetime]) -> None:
    sealed = RollupSeal.objects.aggregate(until=Max("until"))["until"] or EARLIEST
    for hour in sorted(hours):
        if hour >= sealed:
            count_hour(day.tenant, hour)
    count_day(day.tenant, day.day)


_EVERYTHING_IS_DUE = """
WITH given AS (SELECT tenant, event_id FROM telemetry_feedback UNION ALL SELECT tenant, event_id FROM telemetry_review)
INSERT INTO telemetry_rollupdue (tenant, moment)
SELECT tenant, date_bin('15 minutes', telemetry_moment(id), 'epoch') FROM telemetry_event
        WHERE id >= %(low)s AND telemetry_moment(id) IS NOT NULL
 UNION SELECT tenant, date_bin('15 minutes', telemetry_moment(event_id), 'epoch')
         FROM given
        WHERE event_id >= %(low)s AND telemetry_moment(event_id) IS NOT NULL
 UNION SELECT tenant, start FROM telemetry_rollup WHERE start >= %(since)s
"""


def _zone() -> str:
    return timezone.get_default_timezone_name()
