"""What AION records has the shape that `telemetry.event_shapes` promises, kind by kind."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from aion.erasure import erase_person
from chat import control
from chat.answering import Asker, Question, answer
from chat.drafts import draft_missing
from inference.backends.fake import FakeEngine
from inference.exceptions import EngineUnavailable
from telemetry.event_shapes import SHAPES
from telemetry.events import SCHEMA, EventKind
from telemetry.feedback import give_feedback
from telemetry.models import Event
from tests.telemetry.shapes import faults

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]
PRICE = "Quanto custa o passeio de dia inteiro em Sintra por adulto?"


def recorded_faults() -> list[str]:
    return [
        f"{row.kind}: {fault}" for row in Event.objects.all() for fault in faults(row.meta, SHAPES[EventKind(row.kind)])
    ]


def kinds() -> set[str]:
    return set(Event.objects.filter(schema=SCHEMA).values_list("kind", flat=True))


def test_questions_of_every_route_and_what_becomes_of_them(provider, settings, tmp_path, monkeypatch):
    settings.AION_TRAIN_ROOT, settings.AION_EVENTS_JSONL = tmp_path, tmp_path / "events.jsonl"
    person = User.objects.create_user("ana")
    asker = Asker(user_id=person.pk, groups=None, may_set_tau=True, may_force=True)
    local = answer(Question(PRICE, tau=0.0), asker=asker)
    answer(Question(PRICE, tau=1.0), asker=asker)
    control.revise({"fallback_allowed": False}, by=person, reason="caro")
    control.forget()  # which happens at the commit, and tests have none
    answer(Question(PRICE, tau=1.0), asker=asker)
    FakeEngine.script(EngineUnavailable("gone"))
    with pytest.raises(EngineUnavailable):
        answer(Question(PRICE, tau=0.0), asker=asker)
    assert local.event_id
    now = timezone.now()
    draft_missing(now - timedelta(days=1), now + timedelta(minutes=1))
    give_feedback(
        event_id=local.event_id,
        tenant=settings.PRIMARY_TENANT_ID,
        vote=1,
        comment="",
        correction="",
        relevant_sources=[1],
        user_id=person.pk,
        key_id=None,
        question="",
        reply="",
    )
    assert recorded_faults() == []
    erase_person(person.pk)
    assert recorded_faults() == []
    assert kinds() >= {"retrieval", "answer", "fallback", "draft", "feedback", "settings", "erasure"}


def test_a_shape_tells_what_is_wrong():
    shape = SHAPES[EventKind.ANSWER]
    assert faults({"C": 1, "grounded": None, "usage": {"input_tokens": 5}}, shape) == []
    assert faults({"C": "0.5"}, shape) == ["meta.C is '0.5'"]
    assert faults({"forced": 1, "page": 2}, shape) == ["meta.forced is 1", "meta.page is in no shape"]
    assert len(faults({}, SHAPES[EventKind.ERASURE])) == 3
