"""Reviews: one verdict in force per answer, changes kept, nobody overwritten unnoticed."""

from __future__ import annotations

import threading
from uuid import UUID, uuid4

import pytest
from django.db import close_old_connections, connection

from telemetry import reviews
from telemetry.events import EventKind, record, rewriting
from telemetry.exceptions import CorrectionInvalid, NoSuchAnswer, ReviewedMeanwhile
from telemetry.models import Event, Review
from telemetry.reviews import Verdict

from .answers import TENANT, record_answer

ANA, RUI = 7, 8


def decide(answer: UUID, verdict: Verdict = Verdict.APPROVED, *, by: int = ANA, **how) -> Review:
    return reviews.decide(answer, verdict, tenant=TENANT, by=by, **how)


def undo(review: Review, *, by: int = ANA) -> Review | None:
    return reviews.undo(review.event_id, tenant=TENANT, by=by, decided_at=review.decided_at)


@pytest.mark.django_db
class TestDeciding:
    def test_it_keeps_who_what_and_a_copy_of_question_and_reply(self):
        answer = record_answer("Quanto custa?", "95 euros [1].")
        decide(answer)
        with rewriting():
            Event.objects.all().delete()
        kept = Review.objects.get()
        assert (kept.event_id, kept.verdict, kept.reviewer_id) == (answer, "approved", ANA)
        assert (kept.question, kept.reply, kept.correction) == ("Quanto custa?", "95 euros [1].", "")

    def test_a_correction_is_the_better_answer(self):
        decide(record_answer("Quanto custa?", "95 euros."), Verdict.CORRECTED, correction=" Custa\r\n98 euros. ")
        assert Review.objects.get().correction == "Custa\n98 euros."

    @pytest.mark.parametrize("correction", ["", "  \n", " 95 euros. ", "x" * 8001])
    def test_a_correction_that_corrects_nothing_is_refused(self, correction):
        with pytest.raises(CorrectionInvalid):
            decide(record_answer("Quanto custa?", "95 euros."), Verdict.CORRECTED, correction=correction)
        assert not Review.objects.exists()

    def test_a_text_left_in_the_form_is_no_correction_of_an_approved_answer(self):
        decide(record_answer("a", "r"), Verdict.APPROVED, correction="r")
        assert Review.objects.get().correction == ""

    def test_an_abstention_may_be_right_or_be_answered_by_staff(self):
        right, missed = (
            record_answer(text, "Não encontrei.", source="abstain", reason="low_confidence") for text in "ab"
        )
        decide(right)
        decide(missed, Verdict.CORRECTED, correction="Sai às 8h30.")
        assert list(Review.objects.order_by("question").values_list("verdict", flat=True)) == ["approved", "corrected"]

    def test_what_is_no_answer_cannot_be_reviewed(self):
        failed = record_answer("a", "", status="failed")
        another = record(EventKind.ANSWER, value=1, meta={"status": "answered"}, tenant="another")
        search = record(EventKind.RETRIEVAL, value=1, meta={}, tenant=TENANT)
        for event_id in (failed, another, search, uuid4()):
            with pytest.raises(NoSuchAnswer):
                decide(event_id)
        assert not Review.objects.exists()

    def test_a_verdict_is_changed_by_who_saw_it_and_the_earlier_one_is_kept(self):
        answer = record_answer("a", "r")
        seen = decide(answer).decided_at
        decide(answer, Verdict.REJECTED, by=RUI, instead_of=seen)
        assert Review.objects.get().verdict == "rejected"
        kept = Review.history.order_by("history_id").values_list("verdict", "reviewer_id")
        assert list(kept) == [("approved", ANA), ("rejected", RUI)]

    def test_nobody_overwrites_a_verdict_they_did_not_see(self):
        answer = record_answer("a", "r")
        decide(answer)
        with pytest.raises(ReviewedMeanwhile) as refused:
            decide(answer, Verdict.REJECTED, by=RUI)
        assert (refused.value.verdict, refused.value.reviewer_id) == ("approved", ANA)
        assert Review.objects.get().verdict == "approved"

    def test_the_same_verdict_sent_twice_is_kept_once(self):
        answer = record_answer("a", "r")
        assert decide(answer).decided_at == decide(answer).decided_at
        assert Review.history.count() == 1


@pytest.mark.django_db
class TestUndoing:
    def test_the_first_verdict_taken_back_leaves_none(self):
        assert undo(decide(record_answer("a", "r"))) is None
        assert not Review.objects.exists()
        assert [kept.history_type for kept in Review.history.order_by("history_id")] == ["+", "-"]

    def test_a_changed_verdict_taken_back_leaves_the_one_before_and_so_on(self):
        answer = record_answer("a", "r")
        first = decide(answer)
        moment = first.decided_at
        second = decide(answer, Verdict.CORRECTED, correction="x", instead_of=moment)
        again = undo(second)
        assert again is not None
        assert (again.verdict, again.correction, again.decided_at) == ("approved", "", moment)
        assert undo(again) is None

    def test_what_somebody_changed_since_is_not_undone(self):
        answer = record_answer("a", "r")
        decided_at = decide(answer).decided_at
        decide(answer, Verdict.REJECTED, by=RUI, instead_of=decided_at)
        with pytest.raises(ReviewedMeanwhile):
            reviews.undo(answer, tenant=TENANT, by=ANA, decided_at=decided_at)
        assert Review.objects.get().verdict == "rejected"

    def test_nobody_takes_back_the_verdict_of_another(self):
        review = decide(record_answer("a", "r"))
        with pytest.raises(ReviewedMeanwhile):
            undo(review, by=RUI)

    def test_the_latest_of_a_reviewer_is_what_would_be_undone(self):
        since = decide(record_answer("a", "r", number=1)).decided_at
        latest = decide(record_answer("b", "r", number=2))
        decide(record_answer("c", "r", number=3), by=RUI)
        assert reviews.latest_of(ANA, TENANT, since=since) == latest
        undo(latest)
        found = reviews.latest_of(ANA, TENANT, since=since)
        assert found is not None
        assert found.question == "a"


@pytest.mark.django_db(transaction=True)
def test_of_reviewers_at_the_same_moment_one_decides_and_the_others_are_told():
    answers = [record_answer("a", "r", number=number) for number in range(5)]
    verdicts = (Verdict.APPROVED, Verdict.REJECTED, Verdict.APPROVED, Verdict.REJECTED)
    told: list[tuple[UUID, int]] = []
    start = threading.Barrier(len(verdicts))

    def review_all(by: int, verdict: Verdict) -> None:
        close_old_connections()
        for answer in answers:
            start.wait(timeout=60)
            try:
                decide(answer, verdict, by=by)
            except ReviewedMeanwhile as exc:
                told.append((answer, exc.reviewer_id or 0))
        connection.close()

    threads = [threading.Thread(target=review_all, args=each) for each in enumerate(verdicts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    decided = dict(Review.objects.values_list("event_id", "reviewer_id"))
    assert len(decided) == len(answers)
    assert len(told) == len(answers) * (len(verdicts) - 1)
    assert all(decided[answer] == winner for answer, winner in told)
    assert Review.history.count() == len(answers)
