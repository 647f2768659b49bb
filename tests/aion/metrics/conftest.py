"""What happened in two months of 2026, counted by hand in the tests."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from aion.metrics.period import Period
from telemetry.events import Json
from telemetry.rollups.keeping import keep_all
from telemetry.rollups.reading import Range
from tests.telemetry.answers import TENANT, record_answer
from tests.telemetry.rollups.happenings import record_search
from tests.telemetry.rollups.test_keeping import vote

NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)
LAST_MONTH = NOON - timedelta(days=30)
NOVEMBER = Period(TENANT, Range(date(2026, 10, 24), date(2026, 11, 22)))
PENA, BELEM = UUID(int=1), UUID(int=2)
NEW, OLD = "a" * 64, "b" * 64


def written(digest: str, name: str) -> dict[str, Json]:
    return {
        **{"mode": "generated", "model": "m", "adapter": name, "adapterDigest": digest},
        "usage": {"input_tokens": 100, "output_tokens": 10},
        "timings": {"generate": 900.0, "total": 1000.0},
    }


@pytest.fixture
def happened(db: None) -> None:
    """Thirty days: five local answers, three paid, one not found, one failure; before them four local."""
    for number in range(5):
        at = NOON - timedelta(days=number)
        answer = record_answer("P?", "R.", at=at, number=number, C=0.85, grounded=number > 0, **written(NEW, "novo"))
        vote(answer, 1 if number < 3 else -1)
    for number in range(5, 8):
        record_answer(
            *("P?", "R."),
            at=NOON,
            number=number,
            C=0.3,
            source="fallback",
            reason="low_confidence",
            model="gpt",
            costUsd=0.5,
        )
    record_answer("P?", "", at=NOON, number=8, C=0.1, source="abstain", reason="nothing_found", grounded=None)
    record_answer("P?", "", at=NOON, number=9, source="failed", status="failed", error="engine_busy")
    for number in range(4):
        record_answer("P?", "R.", at=LAST_MONTH, number=number, C=0.7, **written(OLD, "velho"))
    record_search(PENA, at=NOON, number=1)
    record_search(PENA, BELEM, at=NOON - timedelta(days=1), number=2, title="Belém")
    keep_all()
