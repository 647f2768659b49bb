"""One's own history, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from chat.models import ApiKey, Conversation, Message

LIST = "/api/ai/conversations"


@pytest.fixture
def conversation(person: User) -> Conversation:
    row = Conversation.objects.create(tenant="default", user=person, title="Preços")
    Message.objects.create(conversation=row, role="user", text="Quanto custa?")
    Message.objects.create(conversation=row, role="assistant", text="€ 89", meta={"used": "local"})
    return row


def one(conversation: Conversation) -> str:
    return f"{LIST}/{conversation.pk}"


def test_the_newest_conversation_comes_first(signed_in: APIClient, person: User, conversation: Conversation) -> None:
    newer = Conversation.objects.create(tenant="default", user=person, title="Horários")
    assert [row["id"] for row in signed_in.get(LIST).json()["conversations"]] == [str(newer.pk), str(conversation.pk)]


def test_a_conversation_is_read_with_its_turns(signed_in: APIClient, conversation: Conversation) -> None:
    turns = signed_in.get(one(conversation)).json()["messages"]
    assert [(turn["role"], turn["text"]) for turn in turns] == [("user", "Quanto custa?"), ("assistant", "€ 89")]
    assert turns[1]["meta"] == {"used": "local"}


def test_it_is_renamed_without_jumping_to_the_top(signed_in: APIClient, conversation: Conversation) -> None:
    before = conversation.updated_at
    assert signed_in.patch(one(conversation), {"title": " Tarifas "}, format="json").json()["title"] == "Tarifas"
    conversation.refresh_from_db()
    assert (conversation.title, conversation.updated_at) == ("Tarifas", before)


@pytest.mark.parametrize("title", ["", "  ", None, "a" * 121])
def test_a_name_that_is_none_is_refused(signed_in: APIClient, conversation: Conversation, title: str | None) -> None:
    assert signed_in.patch(one(conversation), {"title": title}, format="json").status_code == 400
    conversation.refresh_from_db()
    assert conversation.title == "Preços"


def test_it_is_deleted_with_its_turns(signed_in: APIClient, conversation: Conversation) -> None:
    assert signed_in.delete(one(conversation)).status_code == 204
    assert not Message.objects.exists()
    assert signed_in.get(one(conversation)).json()["error"]["code"] == "not_found"


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_anothers_conversation_is_as_if_it_did_not_exist(
    managing: APIClient, conversation: Conversation, method: str
) -> None:
    response = getattr(managing, method)(one(conversation), {"title": "meu"}, format="json")
    assert response.status_code == 404
    assert Conversation.objects.get().title == "Preços"


def test_a_programs_key_opens_no_history(with_key: Callable[..., APIClient], conversation: Conversation) -> None:
    assert with_key(*ApiKey.Scope.values).get(LIST).status_code == 403
    assert APIClient().get(LIST).status_code == 401


def test_what_a_key_asked_is_not_in_its_users_history(
    signed_in: APIClient, with_key: Callable[..., APIClient], person: User
) -> None:
    with_key("chat")
    Conversation.objects.create(tenant="default", user=person, key=ApiKey.objects.get())
    assert signed_in.get(LIST).json()["conversations"] == []
