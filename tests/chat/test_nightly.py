"""What a night does by itself: drafts of what was not answered here, and both probabilities fitted again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.utils import timezone

from chat import calibration, control, nightly, tasks
from chat.answering import Asker, Question, answer
from chat.drafts import draft_missing
from chat.golden.logged import judged_questions
from chat.models import Calibration
from inference.backends.fake import FakeEngine
from inference.backends.serving import ServingEngine
from inference.exceptions import EngineBusy
from inference.serving import get_engine
from retrieval.models import Chunk, Document
from telemetry.feedback import give_feedback
from telemetry.models import Event
from tests.chat.conftest import STAFF

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]
PRICE = "Quanto custa o passeio de dia inteiro em Sintra por adulto?"


def draft() -> int:
    now = timezone.now()
    return draft_missing(now - timedelta(days=1), now + timedelta(minutes=1))


def drafts() -> list[Event]:
    return list(Event.objects.filter(kind="draft"))


def test_what_was_not_answered_is_answered_at_night_for_nobody_but_staff():
    given = answer(Question(PRICE, tau=1.0), asker=STAFF)
    messages = Event.objects.filter(kind="answer").count()
    assert draft() == 1
    (kept,) = drafts()
    assert kept.meta["answerId"] == str(given.event_id)
    assert kept.meta["passed"] is True
    assert "98" in kept.meta["reply"]
    assert Event.objects.filter(kind="answer").count() == messages
    assert draft() == 0


def test_a_second_delivery_and_a_night_without_a_serving_process_make_no_drafts(monkeypatch):
    answer(Question(PRICE, tau=1.0), asker=STAFF)
    monkeypatch.setattr(ServingEngine, "reach", lambda: None)
    tasks.draft_local_answers()
    assert drafts() == []
    monkeypatch.setattr(ServingEngine, "reach", get_engine)
    cache.add(tasks.DRAFTING, True, timeout=60)
    tasks.draft_local_answers()
    assert drafts() == []
    cache.delete(tasks.DRAFTING)
    tasks.draft_local_answers()
    assert len(drafts()) == 1
    assert cache.get(tasks.DRAFTING) is None


def test_a_draft_sees_only_what_its_asker_may_see():
    Document.objects.filter(title="Sintra dia inteiro").update(groups=["diretoria"])
    person = get_user_model().objects.create_user("ana")
    answer(Question(PRICE, tau=1.0), asker=Asker(user_id=person.pk, groups=(), may_set_tau=True))
    draft()
    assert all("98" not in kept.meta["reply"] for kept in drafts())


def test_a_busy_engine_leaves_the_rest_for_another_night():
    answer(Question(PRICE, tau=1.0), asker=STAFF)
    FakeEngine.script(EngineBusy(3))
    with control.instead(answer_mode="generate"), pytest.raises(EngineBusy):
        draft()
    assert drafts() == []


def like(given, *, sources=()):
    give_feedback(
        event_id=given.event_id,
        tenant="default",
        vote=1,
        comment="",
        correction="",
        relevant_sources=sources,
        user_id=get_user_model().objects.get_or_create(username="curadora", is_staff=True)[0].pk,
        key_id=None,
        question=PRICE,
        reply=given.text,
    )


def test_a_liked_answer_makes_a_golden_question_of_the_passages_it_cites():
    given = answer(Question(PRICE, tau=0.0), asker=STAFF)
    like(given)
    ((text, source),) = judged_questions(timezone.now() - timedelta(days=1))
    assert text == PRICE
    cited = {source.chunk_id for source in given.sources if source.cited}
    assert source.hidden_passage.chunk_ids == cited
    kinds = [example.kind for example in calibration.examples_of_logged([(text, source)])]
    assert kinds[0] == "answerable"
    assert set(kinds[1:]) <= {"passage", "document"}


def test_likes_of_one_person_outside_the_staff_teach_nothing():
    like(answer(Question(PRICE, tau=0.0), asker=STAFF))
    get_user_model().objects.update(is_staff=False)
    assert judged_questions(timezone.now() - timedelta(days=1)) == ()


def test_passages_that_are_gone_make_none():
    like(answer(Question(PRICE, tau=0.0), asker=STAFF))
    Chunk.objects.all().delete()
    assert judged_questions(timezone.now() - timedelta(days=1)) == ()


def test_with_too_little_to_learn_from_everything_stays_and_it_is_said():
    for refit in (nightly.refit_confidence, nightly.refit_correctness):
        result = refit(timezone.now())
        assert not result.taken
        assert result.said
    assert not Calibration.objects.exists()
