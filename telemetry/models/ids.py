"""Ids that sort by time."""

from __future__ import annotations

import uuid
from datetime import datetime

import uuid_utils.compat


def new_id() -> uuid.UUID:
    """A UUIDv7: its first 48 bits are the milliseconds since 1970, so ids sort by time."""
    return uuid_utils.compat.uuid7()


def lowest_id(moment: datetime) -> uuid.UUID:
    """The smallest UUIDv7 of `moment`: `id >= lowest_id(t)` means "from t on" and lets PostgreSQL skip older months."""
    return uuid.UUID(int=int(moment.timestamp() * 1000) << 80)
