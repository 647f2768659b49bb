"""The log as whoever replays it reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from telemetry.events import EventKind, Json, record
from telemetry.feedback import give_feedback
from telemetry.models import Review
from telemetry.reviews import decide
from telemetry.traffic import asked_between, judged_answers, undrafted
from tests.telemetry.answers import TENANT, record_answer

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)


def asked(**how):
    return asked_between(TENANT, SINCE, NOW + timedelta(days=1), **how)


def review(event_id: UUID, vote: int, *, correction: str = "", sources=(), user: int = 7) -> None:
    give_feedback(
        event_id=event_id,
        tenant=TENANT,
        vote=vote,
        comment="",
        correction=correction,
        relevant_sources=sources,
        user_id=user,
        key_id=None,
        question="",
        reply="",
    )


def test_a_question_is_read_with_how_it_went():
    record_answer("a", "r", at=NOW, mode="quote", tau=0.7, C=0.81, meanLogprob=-0.2, minLogprob=-1.5)
    (one,) = asked()
    assert (one.confidence, one.tau, one.route, one.reason) == (0.81, 0.7, "local", "confident")
    assert one.local is not None
    assert (one.local.passed, one.local.mode, one.local.mean_logprob) == (True, "quote", -0.2)
    assert one.right is None
    assert one.day.isoformat() == "2026-11-20"


def test_the_day_is_the_organisations_own():
    record_answer("a", "r", at=datetime(2026, 11, 20, 1, 30, tzinfo=UTC))
    assert asked()[0].day.isoformat() == "2026-11-19"  # half past ten in the evening there


def test_the_timed_switch_is_no_wish_of_the_asker_and_an_unknown_tau_no_number():
    record_answer("a", "r", at=NOW, source="fallback", reason="forced", tau=None)
    (one,) = asked()
    assert not one.forced
    assert one.tau != one.tau


def test_failures_other_days_and_other_tenants_are_left_out():
    record_answer("failed", "", at=NOW, status="failed")
    record_answer("early", "r", at=SINCE - timedelta(minutes=1))
    record(EventKind.ANSWER, value=1, meta={"C": 0.5, "status": "answered"}, tenant="another")
    assert asked() == ()


def test_an_attempt_that_failed_its_check_is_known_to_have_failed():
    record_answer("a", "r", at=NOW, source="fallback", reason="unsupported", costUsd=0.002)
    (one,) = asked()
    assert one.local is not None
    assert not one.local.passed
    assert one.cost_usd == 0.002


@pytest.mark.parametrize(
    ("votes", "correction", "right"),
    [((1,), "", True), ((-1,), "", False), ((0,), "", None), ((1,), "É 98.", False), ((1, -1), "", False)],
)
def test_what_people_said_of_it(votes, correction, right):
    answered = record_answer("a", "r", at=NOW)
    for user, vote in enumerate(votes):
        review(answered, vote, correction=correction, user=user)
    assert asked()[0].right is right


@pytest.mark.parametrize(("verdict", "right"), [("approved", True), ("corrected", False), ("rejected", False)])
@pytest.mark.parametrize("vote", [1, 0, -1])
def test_a_review_by_staff_goes_before_what_askers_thought(verdict, right, vote):
    answered = record_answer("a", "r", at=NOW)
    review(answered, vote)
    decide(answered, Review.Verdict(verdict), tenant=TENANT, by=99, correction="É 98.")
    (one,) = asked()
    assert one.right is right
    assert one.judge_id == 99


def test_an_answer_that_nobody_reviewed_has_its_asker_as_judge():
    record_answer("a", "r", at=NOW, userId=5)
    assert asked()[0].judge_id == 5


def test_opinions_on_a_paid_answer_are_none_on_ours():
    review(record_answer("a", "r", at=NOW, source="fallback", reason="low_confidence"), -1)
    assert asked()[0].right is None


def test_signals_come_with_their_retrieval_where_they_are_asked_for():
    found = record(EventKind.RETRIEVAL, value=1, meta={"features": {"best_similarity": 0.9}}, tenant=TENANT)
    record_answer("a", "r", at=NOW, retrievalId=str(found))
    assert asked(with_signals=True)[0].signals == {"best_similarity": 0.9}
    assert asked()[0].signals == {}


def test_what_was_not_answered_here_waits_for_a_draft_paid_ones_first_and_once():
    record_answer("abstained", "", at=NOW, number=1, source="abstain", reason="low_confidence")
    paid = record_answer("paid", "r", at=NOW, number=2, source="fallback", reason="low_confidence")
    record_answer("here", "r", at=NOW, number=3)
    record_answer("tried", "", at=NOW, number=4, source="abstain", reason="unsupported")
    waiting = undrafted(TENANT, SINCE, NOW + timedelta(days=1), most=10)
    assert [row.query for row in waiting] == ["paid", "abstained"]
    record(EventKind.DRAFT, value=1, meta={"answerId": str(paid), "passed": True, "mode": "quote"}, tenant=TENANT)
    assert [row.query for row in undrafted(TENANT, SINCE, NOW + timedelta(days=1), most=10)] == ["abstained"]
    drafted = {row.event_id: row.local for row in asked()}[paid]
    assert drafted is not None
    assert (drafted.passed, drafted.mode) == (True, "quote")


def test_a_draft_is_of_what_was_searched_not_of_the_bare_follow_up():
    found = record(EventKind.RETRIEVAL, value=1, meta={"query": "Sintra: e para criança?"}, tenant=TENANT)
    record_answer("e para criança?", "", at=NOW, source="abstain", reason="low_confidence", retrievalId=str(found))
    assert undrafted(TENANT, SINCE, NOW + timedelta(days=1), most=10)[0].query == "Sintra: e para criança?"


def test_judged_answers_are_the_liked_and_those_whose_sources_were_named():
    sources = [{"number": 1, "cited": True, "chunkId": 5}]
    review(record_answer("liked", "r", at=NOW, number=1, sources=sources), 1)
    review(record_answer("named", "r", at=NOW, number=2, sources=sources), -1, sources=[1])
    review(record_answer("disliked", "r", at=NOW, number=3, sources=sources), -1)
    review(record_answer("corrected", "r", at=NOW, number=4, sources=sources), 1, correction="x")
    judged = judged_answers(TENANT, SINCE)
    assert [row.query for row in judged] == ["liked", "named"]
    assert judged[1].relevant_sources == (1,)


def test_judged_answers_are_those_that_staff_approved_and_not_those_that_they_did_not():
    sources = [{"number": 1, "cited": True, "chunkId": 5}]
    approved, rejected, named = (
        record_answer(text, "r", at=NOW, number=number, sources=sources)
        for number, text in enumerate(("approved", "rejected", "named"))
    )
    review(rejected, 1)
    review(named, 1, sources=[1])
    decide(approved, Review.Verdict.APPROVED, tenant=TENANT, by=99)
    decide(rejected, Review.Verdict.REJECTED, tenant=TENANT, by=99)
    decide(named, Review.Verdict.CORRECTED, tenant=TENANT, by=99, correction="x")
    judged = judged_answers(TENANT, SINCE)
    assert [(row.query, row.relevant_sources, row.judge_id) for row in judged] == [
        ("approved", (), 99),
        ("named", (1,), 7),
    ]


def test_judged_answers_of_a_time_are_the_latest_and_know_what_the_search_chose():
    meta: dict[str, Json] = {"query": "q", "items": [{"chunkId": 6}, {"chunkId": 5}]}
    found = record(EventKind.RETRIEVAL, value=2, meta=meta, tenant=TENANT)
    sources: list[Json] = [{"number": 1, "cited": True, "chunkId": 5}]
    for number, day in enumerate((1, 0)):
        at = NOW - timedelta(days=day)
        review(record_answer("P?", "r", at=at, number=number, sources=sources, retrievalId=str(found)), 1)
    assert [row.chosen for row in judged_answers(TENANT, SINCE)] == [(6, 5), (6, 5)]
    assert len(judged_answers(TENANT, SINCE, NOW)) == 1
    assert len(judged_answers(TENANT, SINCE, most=1)) == 1
