"""Who exports alone. PostgreSQL frees the lock if its holder dies, so the lock tells what a row in a table cannot."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext as _

from telemetry.exceptions import ExportRunning


@contextmanager
def exporting_alone(tenant: str) -> Iterator[None]:
    """Hold the tenant's export lock. Raises ExportRunning where another holds it."""
    with held(f"telemetry.export:{tenant}") as got:
        if not got:
            raise ExportRunning(_("Another export is at work; wait until it is done."))
        yield


@contextmanager
def held(name: str) -> Iterator[bool]:
    """Hold the lock of that name; False where another holds it.

    On a connection of its own, in a transaction that does nothing else: what the holder writes is seen at once, and
    a pooler that hands connections on between transactions cannot lose the lock.
    """
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        connection.set_autocommit(False)
        yield _lock(connection, name)
    finally:
        connection.rollback()
        connection.close()


def _lock(connection: BaseDatabaseWrapper, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [name])
        return bool(cursor.fetchone()[0])
