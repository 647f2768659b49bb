"""Who may call: people with a session, programs with a key, AION's own commands, anybody where the chat is open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from chat.authentication import hash_of, issue_key
from chat.models import ApiKey
from tests.http.conftest import ScriptedPath

CHAT = "/api/ai/chat"
BODY = {"message": "Quanto custa?"}
Keyed = Callable[..., APIClient]


def ask(client: APIClient, **extra: Any) -> Any:
    return client.post(CHAT, BODY, format="json", **extra)


@pytest.mark.django_db
def test_without_a_credential_the_call_names_how_to_bring_one(path: ScriptedPath) -> None:
    response = ask(APIClient())
    assert (response.status_code, response.json()["error"]["code"]) == (401, "not_authenticated")
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert not path.asked


def test_a_key_asks_in_the_name_of_its_user(with_key: Keyed, person: User, path: ScriptedPath) -> None:
    assert ask(with_key("chat")).status_code == 200
    _question, asker = path.asked[0]
    assert asker.user_id == person.pk
    assert asker.key_id == ApiKey.objects.get().pk


def test_a_key_is_stored_as_a_hash_only(person: User) -> None:
    key, text = issue_key(name="site", user_id=person.pk, scopes=["chat"], tenant="default")
    key.refresh_from_db()
    assert text.startswith("aion_")
    assert key.hashed == hash_of(text)
    assert text not in str(ApiKey.objects.values().get())
    assert text.startswith(key.prefix)
    assert len(key.prefix) < len(text) / 3


@pytest.mark.parametrize(
    "spoiled",
    [
        {"revoked_at": timezone.now()},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"tenant": "another"},
        {"hashed": "0" * 64},
    ],
)
def test_a_key_that_is_revoked_expired_or_unknown_is_refused(
    with_key: Keyed, path: ScriptedPath, spoiled: dict[str, Any]
) -> None:
    client = with_key("chat")
    ApiKey.objects.update(**spoiled)
    assert ask(client).status_code == 401
    assert not path.asked


def test_a_key_dies_with_its_users_account(with_key: Keyed, person: User, path: ScriptedPath) -> None:
    client = with_key("chat")
    person.is_active = False
    person.save()
    assert ask(client).status_code == 401


def test_a_key_without_the_scope_is_refused(with_key: Keyed, path: ScriptedPath) -> None:
    response = ask(with_key("feedback"))
    assert (response.status_code, response.json()["error"]["code"]) == (403, "permission_denied")


def test_the_last_use_is_kept_to_the_minute(with_key: Keyed, path: ScriptedPath) -> None:
    client = with_key("chat")
    ask(client)
    first = ApiKey.objects.get().last_used_at
    assert first is not None
    ask(client)
    assert ApiKey.objects.get().last_used_at == first
    ApiKey.objects.update(last_used_at=first - timedelta(minutes=2))
    ask(client)
    again = ApiKey.objects.get().last_used_at
    assert again is not None
    assert again >= first


@pytest.mark.django_db
@pytest.mark.parametrize("header", ["Bearer ", "Bearer aion_", "Bearer é", "Bearer x y", "Basic YTpi"])
def test_a_malformed_credential_is_refused_not_a_crash(path: ScriptedPath, header: str) -> None:
    assert ask(APIClient(), HTTP_AUTHORIZATION=header).status_code == 401


@pytest.mark.parametrize(
    ("permitted", "scopes", "may_set_tau", "may_force"),
    [
        (True, ("chat", "set_tau"), True, False),
        (True, ("chat", "force_fallback"), False, True),
        (False, ("chat", "set_tau", "force_fallback"), False, False),
    ],
)
def test_a_key_may_what_both_its_scope_and_its_user_may(
    with_key: Keyed,
    person: User,
    manager: User,
    path: ScriptedPath,
    permitted: bool,
    scopes: tuple[str, ...],
    may_set_tau: bool,
    may_force: bool,
) -> None:
    ask(with_key(*scopes, user=manager if permitted else person))
    _question, asker = path.asked[0]
    assert (asker.may_set_tau, asker.may_force) == (may_set_tau, may_force)


@pytest.mark.django_db
def test_the_service_key_works_from_this_machine_only(path: ScriptedPath) -> None:
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {django_settings.AION_SERVICE_KEY}"}
    assert ask(APIClient(), **bearer).status_code == 200
    assert path.asked[0][1].is_service
    assert ask(APIClient(), **bearer, REMOTE_ADDR="192.0.2.7").status_code == 401
    assert ask(APIClient(), **bearer, HTTP_X_FORWARDED_FOR="127.0.0.1").status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("extra", "status"),
    [
        ({}, 200),
        ({"HTTP_ORIGIN": "https://site.example", "REMOTE_ADDR": "192.0.2.7"}, 200),
        ({"HTTP_ORIGIN": "http://testserver"}, 200),
        ({"HTTP_ORIGIN": "https://evil.example"}, 401),
        ({"REMOTE_ADDR": "192.0.2.7"}, 401),
        ({"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, 401),
        ({"HTTP_ORIGIN": "null"}, 401),
        ({"HTTP_ORIGIN": "http://["}, 401),
    ],
)
def test_an_open_chat_is_open_to_loopback_and_allowed_origins(
    path: ScriptedPath, settings: Any, extra: dict[str, str], status: int
) -> None:
    settings.AION_OPEN_CHAT = True
    settings.AION_ALLOWED_ORIGINS = ["https://site.example"]
    assert ask(APIClient(), **extra).status_code == status


@pytest.mark.django_db
def test_whoever_comes_through_the_open_chat_may_nothing_more(path: ScriptedPath, settings: Any) -> None:
    settings.AION_OPEN_CHAT = True
    ask(APIClient())
    _question, asker = path.asked[0]
    assert (asker.user_id, asker.groups, asker.may_set_tau, asker.may_force) == (None, (), False, False)


def test_a_session_without_the_csrf_token_is_refused(person: User, path: ScriptedPath) -> None:
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(person)
    response = ask(client)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "permission_denied")
    assert not path.asked


def test_a_key_needs_no_csrf_token(with_key: Keyed, path: ScriptedPath) -> None:
    client = with_key("chat")
    client.handler.enforce_csrf_checks = True
    assert ask(client).status_code == 200


def test_groups_follow_the_person_and_a_superuser_sees_everything(
    signed_in: APIClient, person: User, path: ScriptedPath
) -> None:
    person.groups.create(name="vendas")
    ask(signed_in)
    person.is_superuser = True
    person.save()
    ask(signed_in)
    assert [asker.groups for _question, asker in path.asked] == [("vendas",), None]
