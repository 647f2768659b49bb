"""The review queue: what teaches most comes first, each reviewer has answers of their own."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.core.cache import cache
from django.utils import timezone

from telemetry import reviews
from telemetry.events import EventKind, Json, record
from telemetry.feedback import give_feedback
from telemetry.models import Event
from telemetry.review_queue import Why, next_for, progress, waiting
from telemetry.review_turns import pass_over, passed_over, show_again
from telemetry.reviews import Verdict

from .answers import TENANT, record_answer

pytestmark = pytest.mark.django_db
ANA, RUI = 7, 8


@pytest.fixture(autouse=True)
def _nobody_at_work():
    cache.clear()


def order() -> list[str]:
    rows = waiting(TENANT, now=timezone.now())
    asked = {event.pk: event.meta["prompt"] for event in Event.objects.filter(kind="answer")}
    return [asked[row.event_id] for row in rows]


def why(answer: UUID) -> dict[str, float]:
    (row,) = [row for row in waiting(TENANT, now=timezone.now()) if row.event_id == answer]
    return {reason.kind: round(reason.amount, 3) for reason in row.why}


def vote(answer: UUID, value: int, *, correction: str = "", user: int = 1) -> None:
    give_feedback(
        event_id=answer,
        tenant=TENANT,
        vote=value,
        comment="",
        correction=correction,
        relevant_sources=(),
        user_id=user,
        key_id=None,
        question=Event.objects.get(pk=answer).meta["prompt"],
        reply="r",
    )


def test_the_nearest_to_tau_comes_first_on_either_side():
    for confidence in (0.99, 0.6, 0.3, 0.63, 0.7):
        record_answer(str(confidence), "r", C=confidence)
    assert order() == ["0.63", "0.6", "0.7", "0.3", "0.99"]


def test_each_answer_says_why_it_is_there():
    near, far = record_answer("a", "r", C=0.59), record_answer("b", "r", C=0.95)
    assert why(near) == {"near_tau": 0.03}
    assert why(far) == {}


def test_a_vote_against_the_check_goes_before_what_is_near_tau():
    record_answer("near", "r", C=0.62)
    disliked = record_answer("disliked", "r", C=0.95)
    vote(disliked, -1)
    unchecked_and_liked = record_answer("liked", "r", C=0.95, grounded=False)
    vote(unchecked_and_liked, 1)
    vote(record_answer("agreed", "r", C=0.97), 1)
    assert order()[3:] == ["agreed"]
    assert why(disliked) == {"against_check": 0}
    assert why(unchecked_and_liked) == {"against_check": 0}


def test_askers_of_one_question_who_contradict_each_other_are_a_reason():
    first = record_answer("Que horas?", "8h", C=0.95)
    second = record_answer("que horas?", "9h", C=0.95)
    vote(first, 1, user=1)
    vote(second, 0, correction="8h", user=2)
    assert "askers_disagree" in why(first)
    assert set(why(second)) == {"askers_disagree", "against_check"}


def test_a_local_draft_with_other_words_than_the_paid_answer_is_a_reason():
    unlike = record_answer("a", "O passeio custa 95 euros por pessoa.", source="fallback", reason="low_confidence")
    alike = record_answer("b", "O passeio custa 95 euros por pessoa.", source="fallback", reason="low_confidence")
    for answer, reply in ((unlike, "Crianças viajam em cadeirinhas."), (alike, "Custa 95 euros o passeio.")):
        meta: dict[str, Json] = {"answerId": str(answer), "passed": True, "reply": reply}
        record(EventKind.DRAFT, value=1, meta=meta, tenant=TENANT)
    assert why(unlike)["draft_differs"] == 0
    assert "draft_differs" not in why(alike)


def test_what_is_often_asked_and_not_found_comes_once_the_more_often_the_earlier():
    for count, text in ((2, "Tem wi-fi?"), (4, "Aceita cachorro?")):
        for number in range(count):
            reply = f"Não encontrei. {number}"
            record_answer(text, reply, number=number, C=0.1, source="abstain", reason="low_confidence")
    record_answer("Uma vez só", "Não encontrei.", C=0.2, source="abstain", reason="low_confidence")
    assert order()[:2] == ["Aceita cachorro?", "Tem wi-fi?"]
    assert waiting(TENANT, now=timezone.now())[0].why == (Why("asked_often", 4),)


def test_a_verdict_takes_the_answer_and_its_twins_away():
    first = record_answer("a", "r", number=1)
    record_answer("a", "r", number=2)
    record_answer("a", "another", number=3)
    reviews.decide(first, Verdict.APPROVED, tenant=TENANT, by=ANA)
    assert len(order()) == 1


def test_failures_old_answers_and_those_of_other_tenants_do_not_wait():
    record_answer("failed", "", status="failed")
    record_answer("old", "r", at=timezone.now() - timedelta(days=91))
    record(EventKind.ANSWER, value=1, meta={"C": 0.6, "tau": 0.62, "status": "answered"}, tenant="another")
    assert waiting(TENANT, now=timezone.now()) == ()
    assert next_for(ANA, TENANT, now=timezone.now()) is None


def test_two_reviewers_get_different_answers_and_keep_theirs():
    for number in range(3):
        record_answer(str(number), "r", C=0.62 + number / 100)
    now = timezone.now()
    anas, ruis = next_for(ANA, TENANT, now=now), next_for(RUI, TENANT, now=now)
    assert anas is not None
    assert ruis is not None
    assert anas.event_id != ruis.event_id
    assert next_for(ANA, TENANT, now=now) == anas


def test_what_is_on_the_screen_is_not_offered_again_as_the_next_one():
    first, second = record_answer("a", "r", C=0.62), record_answer("b", "r", C=0.7)
    found = next_for(ANA, TENANT, now=timezone.now(), aside=[first])
    assert found is not None
    assert found.event_id == second


def test_the_twin_of_what_is_on_the_screen_is_not_the_next_one():
    first = record_answer("a", "r", number=1)
    record_answer("a", "r", number=2)
    assert next_for(ANA, TENANT, now=timezone.now(), aside=[first]) is None


def test_where_others_have_everything_it_is_shown_twice():
    record_answer("a", "r")
    now = timezone.now()
    assert next_for(ANA, TENANT, now=now) == next_for(RUI, TENANT, now=now)


def test_who_passes_one_over_does_not_see_it_again_until_they_want_to_and_others_see_it_at_once():
    answer = record_answer("a", "r", C=0.62)
    now = timezone.now()
    next_for(ANA, TENANT, now=now)
    pass_over(answer, ANA, TENANT)
    assert passed_over(ANA, TENANT) == (answer,)
    assert next_for(ANA, TENANT, now=now) is None
    other = record_answer("b", "r", C=0.9)
    found = next_for(RUI, TENANT, now=now, aside=[other])
    assert found is not None
    assert found.event_id == answer
    show_again(ANA, TENANT)
    assert passed_over(ANA, TENANT) == ()


def test_progress_counts_todays_verdicts_and_what_waits():
    answers = [record_answer(str(number), "r", number=number) for number in range(4)]
    reviews.decide(answers[0], Verdict.APPROVED, tenant=TENANT, by=ANA)
    reviews.decide(answers[1], Verdict.REJECTED, tenant=TENANT, by=RUI)
    found = progress(TENANT, now=timezone.now())
    assert (found.done, found.waiting, found.many) == (2, 2, False)
    assert progress(TENANT, now=timezone.now() + timedelta(days=1)).done == 0


def test_without_a_cache_reviewers_go_on(settings):
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1"}
    }
    answer = record_answer("a", "r")
    found = next_for(ANA, TENANT, now=timezone.now())
    assert found is not None
    assert found.event_id == answer
    pass_over(answer, ANA, TENANT)
    show_again(ANA, TENANT)
