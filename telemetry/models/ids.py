"""Ids that sort by time."""

from __future__ import annotations

import uuid

import uuid_utils.compat


def new_id() -> uuid.UUID:
    """A UUIDv7: its first 48 bits are the milliseconds since 1970, so ids sort by time."""
    return uuid_utils.compat.uuid7()
