"""Charts' values: right counts on the right local days, from events and ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from telemetry import budgets, metrics
from telemetry.events import EventKind, Json, record
from telemetry.models import Reservation

from .answers import TENANT, id_at, record_answer
from .test_feedback import vote_on

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

    def test_the_fallback_share_is_over_all_questions_of_the_window(self):
        assert metrics.fallback_share(TENANT, now=NOON) == 0
        for number, source in enumerate(["local", "local", "abstain", "fallback"]):
            record_answer("P?", "R.", at=NOON, number=number, source=source)
        record_answer("P?", "R.", at=NOON - timedelta(days=7), source="fallback")
        assert metrics.fallback_share(TENANT, now=NOON) == 0.25

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


@pytest.mark.django_db
class TestOthers:
    def test_latency_by_stage_ignores_what_was_not_timed(self):
        for number, ms in enumerate([100, 200, 300]):
            record_answer("P?", "R.", at=NOON, number=number, timings={"generate": ms, "embed": 10, "search": None})
        record_answer("P?", "R.", at=NOON, number=9, timings=None)
        generate, embed = metrics.latency(TENANT, 1, now=NOON)
        assert (generate.stage, generate.n, generate.p50_ms) == ("generate", 3, 200)
        assert generate.p95_ms == pytest.approx(290)
        assert embed == metrics.StageLatency("embed", 3, 10, 10)

    def test_unanswered_questions_are_counted_whatever_their_capitals(self):
        for number, prompt in enumerate(["Quem ganhou a Copa?", "quem ganhou a copa? ", "Outra?"]):
            record_answer(prompt, "", at=NOON, number=number, source="abstain")
        record_answer("Respondida?", "Sim.", at=NOON, number=9)
        first, second = metrics.unanswered_questions(TENANT, 1, now=NOON)
        assert (first.question.lower(), first.count) == ("quem ganhou a copa?", 2)
        assert (second.question, second.count, second.last_asked) == ("Outra?", 1, NOON)
        assert len(metrics.unanswered_questions(TENANT, 1, limit=1, now=NOON)) == 1

    def test_feedback_is_counted_by_vote(self):
        for vote in (1, 1, -1, 0):
            vote_on(record_answer("P?", "R."), vote, comment="x" if vote < 0 else "")
        assert metrics.feedback_counts(TENANT, 1) == metrics.FeedbackCounts(
            liked=2, disliked=1, neutral=1, commented=1, corrected=0
        )

    def test_cost_comes_from_what_was_charged(self):
        for cost in ("0.01", "0.02", "0"):
            held = budgets.reserve(tenant=TENANT, max_cost_usd=Decimal("0.1"), user_id=None, key_id=None)
            budgets.settle(held.id, cost_usd=Decimal(cost))
        (today,) = metrics.cost_by_day(TENANT, 1)
        assert (today.calls, today.cost_usd) == (2, Decimal("0.03"))
        assert Reservation.objects.count() == 3
        assert [day.calls for day in metrics.cost_by_day(TENANT, 2)] == [0, 2]
