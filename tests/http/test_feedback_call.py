"""`POST /api/ai/feedback`: by whoever asked, about what was really asked and answered."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from telemetry.events import EventKind, record
from telemetry.models import Feedback

FEEDBACK = "/api/ai/feedback"


def answered(user: User | None = None, *, key_id: int | None = None, kind: EventKind = EventKind.ANSWER) -> uuid.UUID:
    meta = {"prompt": "Quanto custa?", "reply": "€ 89", "userId": user.pk if user else None, "keyId": key_id}
    return record(kind, value=1, meta=meta, tenant="default")


def give(client: APIClient, event_id: Any, **body: Any) -> Any:
    return client.post(FEEDBACK, {"eventId": str(event_id), **body}, format="json")


def test_whoever_asked_may_say_what_was_wrong(signed_in: APIClient, person: User) -> None:
    response = give(signed_in, answered(person), vote=-1, comment="caro", correction="€ 79", relevantSources=[2, 1])
    assert response.status_code == 201
    kept = Feedback.objects.get()
    assert (kept.vote, kept.comment, kept.correction, kept.relevant_sources) == (-1, "caro", "€ 79", [1, 2])
    assert (kept.question, kept.reply, kept.user_id) == ("Quanto custa?", "€ 89", person.pk)


def test_a_second_opinion_takes_the_place_of_the_first(signed_in: APIClient, person: User) -> None:
    event_id = answered(person)
    give(signed_in, event_id, vote=-1)
    give(signed_in, event_id, vote=1)
    assert Feedback.objects.get().vote == 1


def test_anothers_answer_is_not_ones_to_judge(signed_in: APIClient, manager: User) -> None:
    response = give(signed_in, answered(manager), vote=1)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "permission_denied")
    assert not Feedback.objects.exists()


def test_a_session_does_not_judge_what_the_same_persons_key_asked(signed_in: APIClient, person: User) -> None:
    assert give(signed_in, answered(person, key_id=7), vote=1).status_code == 403


def test_a_key_judges_what_it_asked(with_key: Callable[..., APIClient], person: User) -> None:
    client = with_key("feedback")
    assert give(client, answered(person, key_id=person.api_keys.get().pk), vote=1).status_code == 201


def test_nothing_is_judged_that_was_no_answer(signed_in: APIClient, person: User) -> None:
    assert give(signed_in, uuid.uuid4(), vote=1).json()["error"]["code"] == "not_found"
    assert give(signed_in, answered(person, kind=EventKind.RETRIEVAL), vote=1).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"vote": 2}, "vote"),
        ({"vote": "bom"}, "vote"),
        ({"eventId": "x", "vote": 1}, "eventId"),
        ({"vote": 1, "comment": "a" * 4001}, "comment"),
        ({"vote": 1, "relevantSources": [0]}, "relevantSources"),
        ({"vote": 1, "relevantSources": "1"}, "relevantSources"),
        ({"vote": 1, "relevantSources": [99999]}, "relevantSources"),
        ({"vote": 1, "relevantSources": [1] * 65}, "relevantSources"),
    ],
)
def test_what_is_wrong_is_named(signed_in: APIClient, person: User, body: dict[str, Any], field: str) -> None:
    response = give(signed_in, answered(person), **body)
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == [field]
    assert not Feedback.objects.exists()


def test_nulls_are_the_same_as_absent_fields(signed_in: APIClient, person: User) -> None:
    response = give(signed_in, answered(person), vote=1, comment=None, correction=None, relevantSources=None)
    assert response.status_code == 201
