"""Answer events as chat records them, for tests."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from telemetry.events import EventKind, Json, record
from telemetry.partitions import lowest_id

TENANT = "default"


def id_at(moment: datetime, number: int = 0) -> UUID:
    """A UUIDv7 made at `moment`."""
    return UUID(int=lowest_id(moment).int | 7 << 76 | 2 << 62 | number)


def record_answer(prompt: str, reply: str, *, at: datetime | None = None, number: int = 0, **meta: Json) -> UUID:
    whole: dict[str, Json] = {
        "prompt": prompt,
        "reply": reply,
        "rank": 1,
        "source": "local",
        "C": 0.8,
        "tau": 0.62,
        "reason": "confident",
        "status": "answered",
        "grounded": True,
        "userId": 7,
        "keyId": None,
        "conversationId": "c1",
        **meta,
    }
    event_id = id_at(at, number) if at else None
    return record(EventKind.ANSWER, value=1, meta=whole, tenant=TENANT, event_id=event_id)
