"""People, keys and a scripted answer path for tests of HTTP itself; a really running server for tests from outside."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from rest_framework.test import APIClient

from chat.answers import Answer, Asker, Question
from chat.authentication import issue_key
from tests.http.served import Server, running_server

PERMISSIONS = ("set_tau", "force_fallback", "use_generate", "load_adapter", "merge_adapter")


def an_answer(text: str = "O passeio custa € 89 [1].", **changes: Any) -> Answer:
    """A complete answer; `changes` are fields."""
    fields: dict[str, Any] = {
        "text": text,
        "used": "local",
        "confidence": 0.91,
        "tau": 0.62,
        "reason": "confident",
        "reason_text": "A confiança alcança o limite.",
        "mode": "generated",
        "sources": (),
        "usage": {"input_tokens": 10, "output_tokens": 5},
        "timings": {"total": 12.0},
        "model": "fake",
        "adapter": "",
        "adapter_digest": "",
        "event_id": uuid.uuid4(),
        "conversation_id": uuid.uuid4(),
        "cost_usd": Decimal(0),
        "warnings": (),
        "grounded": True,
        "scorer": "calibrated",
    }
    return Answer(**fields | changes)


class ScriptedPath:
    """Stands in for `answer` and `answer_stream`: remembers what was asked, yields `parts` or raises `failure`."""

    def __init__(self) -> None:
        self.asked: list[tuple[Question, Asker]] = []
        self.parts: list[Any] = []
        self.failure: Exception | None = None
        self.closed = False

    def answer(self, question: Question, *, asker: Asker, **_ignored: Any) -> Answer:
        self.asked.append((question, asker))
        if self.failure:
            raise self.failure
        return an_answer(warnings=question.warnings)

    def stream(self, question: Question, *, asker: Asker, **_ignored: Any) -> Iterator[Any]:
        self.asked.append((question, asker))
        try:
            yield from self.parts
            if self.failure:
                raise self.failure
            yield an_answer(warnings=question.warnings)
        finally:
            self.closed = True


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> ScriptedPath:
    scripted = ScriptedPath()
    monkeypatch.setattr("chat.views.answer", scripted.answer)
    monkeypatch.setattr("chat.views.answer_stream", scripted.stream)
    return scripted


@pytest.fixture(autouse=True)
def _uncounted(request: pytest.FixtureRequest) -> None:
    """Each test starts with its throttles at zero."""
    cache.clear()


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_user("ana", password="senha-de-teste", first_name="Ana")


@pytest.fixture
def manager(db: None) -> User:
    """Staff with every named permission of the calls."""
    user = User.objects.create_user("rui", password="senha-de-teste", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=PERMISSIONS))
    return user


@pytest.fixture
def signed_in(person: User) -> APIClient:
    client = APIClient()
    client.force_login(person)
    return client


@pytest.fixture
def managing(manager: User) -> APIClient:
    client = APIClient()
    client.force_login(manager)
    return client


@pytest.fixture
def with_key(person: User) -> Callable[..., APIClient]:
    """A client that sends an API key with the given scopes, of `person` unless another user is named."""

    def make(*scopes: str, user: User | None = None) -> APIClient:
        _key, text = issue_key(name="teste", user_id=(user or person).pk, scopes=scopes, tenant="default")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {text}")
        return client

    return make


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    with running_server() as running:
        yield running
