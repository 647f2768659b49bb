"""Feedback: one opinion of each asker, the last one, with question and reply copied."""

from __future__ import annotations

from uuid import UUID

import pytest

from telemetry.events import EventKind
from telemetry.feedback import give_feedback
from telemetry.models import Event, Feedback

from .answers import TENANT, record_answer


def vote_on(answer: UUID, vote: int, *, user_id: int | None = 7, **fields) -> Feedback:
    whole = {"comment": "", "correction": "", "relevant_sources": (), "question": "P?", "reply": "R.", "key_id": None}
    return give_feedback(event_id=answer, tenant=TENANT, vote=vote, user_id=user_id, **(whole | fields))


@pytest.mark.django_db
class TestFeedback:
    def test_a_second_opinion_replaces_the_first(self):
        answer = record_answer("P?", "R.")
        vote_on(answer, 1)
        vote_on(answer, -1, comment="na verdade não", relevant_sources=[3, 1, 3])
        kept = Feedback.objects.get()
        assert (kept.vote, kept.comment, kept.relevant_sources) == (-1, "na verdade não", [1, 3])

    def test_two_askers_without_account_are_one_asker(self):
        answer = record_answer("P?", "R.")
        vote_on(answer, 1, user_id=None)
        vote_on(answer, -1, user_id=None)
        assert Feedback.objects.get().vote == -1

    def test_it_is_recorded_without_its_words(self):
        answer = record_answer("P?", "R.")
        vote_on(answer, 1, comment="meu CPF é 529.982.247-25", correction="outra")
        event = Event.objects.get(kind=EventKind.FEEDBACK)
        assert event.value == 1
        assert event.meta == {"answerId": str(answer), "corrected": True, "userId": 7, "keyId": None}

    @pytest.mark.parametrize("vote", [-2, 2])
    def test_a_vote_out_of_range_changes_nothing(self, vote):
        answer = record_answer("P?", "R.")
        with pytest.raises(ValueError, match="not -1, 0 or 1"):
            vote_on(answer, vote)
        assert not Feedback.objects.exists()
