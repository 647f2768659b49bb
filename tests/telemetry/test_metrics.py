"""Charts' values: right counts on the right local days, from what was counted."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from telemetry import metrics
from telemetry.rollups.keeping import keep

from .answers import TENANT, record_answer

NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)
TODAY = date(2026, 11, 22)


@pytest.mark.django_db
class TestRoutes:
    def test_each_day_counts_how_its_questions_ended(self):
        for number, source in enumerate(["local", "local", "fallback", "abstain", "failed"]):
            record_answer("P?", "R.", at=NOON, number=number, source=source)
        keep()
        yesterday, today = metrics.routes_by_day(TENANT, 2, now=NOON)
        assert today == metrics.DayRoutes(TODAY, local=2, fallback=1, abstain=1, failed=1)
        assert yesterday == metrics.DayRoutes(TODAY - timedelta(days=1))

    def test_an_evening_in_sao_paulo_belongs_to_its_own_day(self):
        record_answer("P?", "R.", at=datetime(2026, 11, 22, 2, 30, tzinfo=UTC))
        record_answer("P?", "R.", at=datetime(2026, 11, 22, 3, 30, tzinfo=UTC))
        keep()
        assert [day.local for day in metrics.routes_by_day(TENANT, 2, now=NOON)] == [1, 1]

    def test_other_tenants_are_not_counted(self):
        record_answer("P?", "R.", at=NOON)
        keep()
        assert metrics.routes_by_day("other", 1, now=NOON) == (metrics.DayRoutes(TODAY),)
