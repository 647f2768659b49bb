"""The database connection is for queries, not for waiting: it goes back to the pool while a model works."""

from __future__ import annotations

from django.db import connection


def give_back_connection() -> None:
    """Return this thread's connection to the pool; the next query takes one again. Inside a transaction it stays."""
    if not connection.in_atomic_block:
        connection.close()
