"""Monthly partitions of the events, ranges of UUIDv7 ids; a DEFAULT one catches what no month was made for.

Months are UTC months: an id carries a moment, not a place.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

PARENT = sql.Identifier("telemetry_event")
DEFAULT = sql.Identifier("telemetry_event_default")
LOCK_NAME = "telemetry.partitions"


def lowest_id(moment: datetime) -> UUID:
    """The smallest UUIDv7 of `moment`: `id >= lowest_id(t)` means "from t on" and lets PostgreSQL skip older months."""
    return UUID(int=int(moment.timestamp() * 1000) << 80)


def ensure_partitions(now: datetime | None = None, *, ahead: int = 3) -> list[str]:
    """Create the partitions of this month and of `ahead` more; return the names of the new ones.

    Rows that waited in the DEFAULT partition for a month move into it. Readers and writers wait for milliseconds.
    """
    created = []
    for first, following in _months((now or timezone.now()).astimezone(UTC), ahead + 1):
        name = f"telemetry_event_{first:%Y_%m}"
        with transaction.atomic():
            if _claim(name):
                _create(name, lowest_id(first), lowest_id(following))
                created.append(name)
    return created


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


def drop_months(before: date) -> list[str]:
    """Drop the partitions of whole months that end by `before`; return their names. Each in moments, alone."""
    first_kept = date(before.year, before.month, 1)
    with connection.cursor() as cursor:
        cursor.execute(_CHILDREN)
        names = [row[0] for row in cursor.fetchall()]
    old = [name for name in sorted(names) if f"telemetry_event_{first_kept:%Y_%m}" > name]
    for name in old:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
            cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    return old


_CHILDREN = """
SELECT inhrelid::regclass::text FROM pg_inherits
 WHERE inhparent = 'telemetry_event'::regclass AND inhrelid::regclass::text ~ '_[0-9]{4}_[0-9]{2}$'
"""
