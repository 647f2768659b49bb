"""Monthly partitions of the events, ranges of UUIDv7 ids; a DEFAULT one catches what no month was made for.

Months are UTC months: an id carries a moment, not a place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import UUID

from django.db import connection
from django.utils import timezone
from psycopg import sql

from telemetry.events import rewriting
from telemetry.exceptions import MonthNotOver
from telemetry.models.ids import lowest_id as lowest_id
from telemetry.rollups import keeping

PARENT = sql.Identifier("telemetry_event")
DEFAULT = sql.Identifier("telemetry_event_default")
LOCK_NAME = "telemetry.partitions"


def ensure_partitions(now: datetime | None = None, *, ahead: int = 3) -> list[str]:
    """Create the partitions of this month and of `ahead` more; return the names of the new ones.

    Rows that waited in the DEFAULT partition for a month move into it. Readers and writers wait for milliseconds.
    """
    created = []
    for first, following in _months((now or timezone.now()).astimezone(UTC), ahead + 1):
        name = f"telemetry_event_{first:%Y_%m}"
        with rewriting():  # what waited in the DEFAULT partition is deleted there
            if _claim(name):
                _create(name, lowest_id(first), lowest_id(following))
                created.append(name)
    return created


def drop_months(before: date) -> list[str]:
    """Drop the events of every month that ended by `before`, with what of them waits in the DEFAULT partition; return
    the names of the dropped partitions, the oldest first. What was counted of them stays, for good.

    All or nothing, in seconds. Raises `MonthNotOver` for a day to come, and `OperationalError` where the events were
    read or written for two seconds without a pause: try again later.
    """
    if before > timezone.now().astimezone(UTC).date():
        raise MonthNotOver(before)
    until = datetime(before.year, before.month, 1, tzinfo=UTC)
    with rewriting(), connection.cursor() as cursor:
        keeping.keep_all(before=until)
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        names = [name for name in _partitions() if name < f"telemetry_event_{until:%Y_%m}"]
        for name in names:
            cursor.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {}").format(PARENT, sql.Identifier(name)))
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
        cursor.execute(sql.SQL("DELETE FROM {} WHERE id < %s").format(DEFAULT), [lowest_id(until)])
        if names or cursor.rowcount:
            keeping.seal(until)
    return names


def _partitions() -> list[str]:
    """The months there are, by the names of their tables, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'telemetry_event'::regclass")
        names = [name for (name,) in cursor.fetchall()]
    return sorted(name for name in names if re.fullmatch(r"telemetry_event_\d{4}_\d{2}", name))


def _claim(name: str) -> bool:
    """Whether this transaction is to create `name`; two processes take turns."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [LOCK_NAME])
        cursor.execute("SELECT to_regclass(%s) IS NULL", [name])
        return bool(cursor.fetchone()[0])


def _create(name: str, lowest: UUID, beyond: UUID) -> None:
    partition = sql.Identifier(name)
    bounds = (sql.Literal(str(lowest)), sql.Literal(str(beyond)))
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '2s'")  # an answer must not queue behind housekeeping
        cursor.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(partition, PARENT))
        cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(DEFAULT))
        cursor.execute(
            sql.SQL(
                "WITH moved AS (DELETE FROM {} WHERE id >= {} AND id < {} RETURNING *)"
                " INSERT INTO {} SELECT * FROM moved"
            ).format(DEFAULT, *bounds, partition)
        )
        cursor.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                PARENT, partition, *bounds
            )
        )


def _months(now: datetime, count: int) -> Iterator[tuple[datetime, datetime]]:
    """`count` months from that of `now` on, each as its first moment and the next month's."""
    first = datetime(now.year, now.month, 1, tzinfo=UTC)
    for _ in range(count):
        following = datetime(first.year + first.month // 12, first.month % 12 + 1, 1, tzinfo=UTC)
        yield first, following
        first = following
