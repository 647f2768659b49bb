"""Charts' values: right counts on the right local days, from events."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from telemetry import metrics
from telemetry.events import EventKind, Json, record

from .answers import TENANT, id_at, record_answer

NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)
TODAY = date(2026, 11, 22)
PENA, BELEM = uuid4(), uuid4()


def record_retrieval(*documents: UUID, at: datetime = NOON, number: int = 0) -> None:
    titles = {PENA: "Palácio da Pena", BELEM: "Belém"}
    items: list[Json] = [
        {"text": "x", "rank": n, "rel": 1.0, "documentId": str(d), "title": titles[d]} for n, d in enumerate(documents)
    ]
    meta: dict[str, Json] = {"query": "q", "items": items}
    record(EventKind.RETRIEVAL, value=len(items), meta=meta, tenant=TENANT, event_id=id_at(at, 1000 + number))


@pytest.mark.django_db
class TestRoutes:
    def test_each_day_counts_how_its_questions_ended(self):
        for number, source in enumerate(["local", "local", "fallback", "abstain", "failed"]):
            record_answer("P?", "R.", at=NOON, number=number, source=source)
        yesterday, today = metrics.routes_by_day(TENANT, 2, now=NOON)
        assert today == metrics.DayRoutes(TODAY, local=2, fallback=1, abstain=1, failed=1)
        assert yesterday == metrics.DayRoutes(TODAY - timedelta(days=1))

    def test_an_evening_in_sao_paulo_belongs_to_its_own_day(self):
        record_answer("P?", "R.", at=datetime(2026, 11, 22, 2, 30, tzinfo=UTC))
        record_answer("P?", "R.", at=datetime(2026, 11, 22, 3, 30, tzinfo=UTC))
        assert [day.local for day in metrics.routes_by_day(TENANT, 2, now=NOON)] == [1, 1]

    def test_other_tenants_are_not_counted(self):
        record_answer("P?", "R.", at=NOON)
        assert metrics.routes_by_day("other", 1, now=NOON) == (metrics.DayRoutes(TODAY),)


@pytest.mark.django_db
class TestHeatmap:
    def test_documents_by_day_the_busiest_first_and_once_a_retrieval(self):
        record_retrieval(PENA, PENA, BELEM, number=1)
        record_retrieval(PENA, number=2)
        record_retrieval(BELEM, at=NOON - timedelta(days=1), number=3)
        record_retrieval(PENA, at=NOON - timedelta(days=1), number=4)
        heatmap = metrics.retrieval_heatmap(TENANT, 2, 10, now=NOON)
        assert heatmap.days == (TODAY - timedelta(days=1), TODAY)
        assert heatmap.rows == (
            metrics.HeatmapRow(PENA, "Palácio da Pena", (1, 2)),
            metrics.HeatmapRow(BELEM, "Belém", (1, 1)),
        )

    def test_only_as_many_documents_as_asked_for(self):
        record_retrieval(PENA, BELEM, number=1)
        record_retrieval(PENA, number=2)
        assert [row.title for row in metrics.retrieval_heatmap(TENANT, 1, 1, now=NOON).rows] == ["Palácio da Pena"]

    def test_a_retrieval_without_hits_is_no_row(self):
        record_retrieval()
        assert metrics.retrieval_heatmap(TENANT, 1, 10, now=NOON).rows == ()
