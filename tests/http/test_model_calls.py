"""`/generate` and the adapter calls: kept shapes, named permissions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from inference.backends.fake import FakeEngine
from inference.engine import GenerationRequest, Message
from inference.exceptions import AdapterRejected, EngineBusy, EngineUnavailable
from inference.wire import encode_request

GENERATE = "/generate"


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeEngine]]:
    FakeEngine.reset()
    made = FakeEngine()
    monkeypatch.setattr("inference.views.get_engine", lambda: made)
    yield FakeEngine
    FakeEngine.reset()


def generate(client: APIClient, **body: Any) -> Any:
    return client.post(GENERATE, {"prompt": "Olá", **body}, format="json")


def test_generate_answers_in_the_kept_shape(managing: APIClient, engine: type[FakeEngine]) -> None:
    engine.script("Oi! Tudo bem?")
    body = generate(managing).json()
    assert (body["ok"], body["text"]) == (True, "Oi! Tudo bem?")
    assert isinstance(body["ms"], int)
    assert body["usage"]["output_tokens"] == 3


def test_generate_has_the_kept_defaults(managing: APIClient, engine: type[FakeEngine]) -> None:
    generate(managing, system=None, context=None, temperature=None, top_p=None, max_new_tokens=None, stop=None)
    asked = engine.requests[0]
    assert (asked.temperature, asked.top_p, asked.max_new_tokens, asked.repetition_penalty) == (0.6, 0.9, 512, 1.05)
    assert (asked.stop, asked.messages[0].role) == ((), "system")
    assert "AION" in asked.messages[0].content
    assert asked.messages[1].content == "Olá"


def test_generate_is_given_its_own_system_text_context_and_stop_words(
    managing: APIClient, engine: type[FakeEngine]
) -> None:
    engine.script("um dois FIM três")
    body = generate(managing, system="Conte.", context="[1] números", stop=["FIM"], temperature="0").json()
    asked = engine.requests[0]
    assert body["text"].strip() == "um dois"
    assert (asked.messages[0].content, asked.temperature) == ("Conte.", 0.0)
    assert asked.messages[1].content.endswith("[1] números")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"temperature": -1}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
        ({"max_new_tokens": 0}, "max_new_tokens"),
        ({"max_new_tokens": 10**9}, "max_new_tokens"),
        ({"stop": "FIM"}, "stop"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"prompt": "palavra " * 7000 + "Olá", "context": "palavra " * 7000}, "prompt"),
    ],
)
def test_generate_names_what_is_wrong_and_is_not_ok(
    managing: APIClient, engine: type[FakeEngine], body: dict[str, Any], field: str
) -> None:
    response = generate(managing, **body)
    assert (response.status_code, response.json()["ok"]) == (400, False)
    assert list(response.json()["error"]["details"]) == [field]
    assert not engine.requests


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [(EngineBusy(3), 503, "engine_busy"), (EngineUnavailable("gone"), 503, "engine_unavailable")],
)
def test_a_failing_engine_is_not_ok(
    managing: APIClient, engine: type[FakeEngine], failure: Exception, status: int, code: str
) -> None:
    engine.script(failure)
    response = generate(managing)
    assert (response.status_code, response.json()["ok"], response.json()["error"]["code"]) == (status, False, code)


def test_generate_names_unknown_fields(managing: APIClient) -> None:
    assert len(generate(managing, num_beams=4).json()["warnings"]) == 1


CALLS = ("/generate", "/adapter/reload", "/adapter/merge", "/adapter/rollback")


@pytest.mark.parametrize("call", CALLS)
def test_the_model_is_not_open_to_everybody(
    signed_in: APIClient, with_key: Callable[..., APIClient], manager: User, call: str
) -> None:
    body = {"prompt": "Olá"}
    assert APIClient().post(call, body, format="json").status_code == 401
    assert signed_in.post(call, body, format="json").status_code == 403
    assert with_key("generate", "adapter").post(call, body, format="json").status_code == 403
    assert with_key("chat", user=manager).post(call, body, format="json").status_code == 403


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """What the adapter calls asked for; a test may put an exception first in the list to have it raised."""
    asked: list[tuple[str, Any]] = []

    def note(name: str) -> Callable[..., None]:
        def call(*args: Any, by: Any) -> None:
            if asked and isinstance(asked[0], Exception):
                raise asked[0]
            asked.append((name, (*args, by.get_username())))

        return call

    for name in ("reload_adapter", "merge_adapter", "rollback_adapter"):
        monkeypatch.setattr(f"inference.adapters.{name}", note(name))
    return asked


@pytest.mark.parametrize(
    ("call", "body", "asked"),
    [
        ("/adapter/reload", None, ("reload_adapter", (None, "rui"))),
        ("/adapter/reload", {}, ("reload_adapter", (None, "rui"))),
        ("/adapter/reload", {"adapter": None}, ("reload_adapter", (None, "rui"))),
        ("/adapter/reload", {"adapter": 3}, ("reload_adapter", (3, "rui"))),
        ("/adapter/merge", None, ("merge_adapter", ("rui",))),
        ("/adapter/rollback", None, ("rollback_adapter", ("rui",))),
    ],
)
def test_adapter_calls_say_ok(
    managing: APIClient, changes: list[Any], call: str, body: Any, asked: tuple[str, Any]
) -> None:
    response = managing.post(call, body, format="json") if body is not None else managing.post(call)
    assert (response.status_code, response.json()) == (200, {"ok": True})
    assert changes == [asked]


@pytest.mark.parametrize("call", CALLS[1:])
def test_a_refused_adapter_is_an_answer_not_an_error(managing: APIClient, changes: list[Any], call: str) -> None:
    changes.append(AdapterRejected("adapter_for_another_base", "feito para outro modelo"))
    response = managing.post(call)
    assert response.status_code == 200
    assert response.json() == {"ok": False, "error": "feito para outro modelo", "code": "adapter_for_another_base"}


def test_an_adapter_that_is_no_number_is_named(managing: APIClient, changes: list[Any]) -> None:
    response = managing.post("/adapter/reload", {"adapter": "../../etc"}, format="json")
    assert list(response.json()["error"]["details"]) == ["adapter"]
    assert changes == []


INTERNAL = "/internal/generate"


def internally(body: str, **extra: Any) -> Any:
    return APIClient().generic("POST", INTERNAL, body, content_type="application/json", **extra)


@pytest.fixture
def bearer() -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {settings.AION_SERVICE_KEY}"}


@pytest.mark.django_db
def test_the_internal_call_serves_aions_own_commands(
    engine: type[FakeEngine], bearer: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.serving.get_engine", FakeEngine)
    engine.script("um dois")
    body = encode_request(GenerationRequest(messages=(Message("user", "Conte."),)))
    response = internally(body, **bearer)
    lines = b"".join(response.streaming_content).decode().splitlines()
    assert response.status_code == 200
    assert "um dois" in lines[-1]


@pytest.mark.django_db
def test_the_internal_call_is_closed_to_everybody_else(
    managing: APIClient, with_key: Callable[..., APIClient], manager: User, bearer: dict[str, str]
) -> None:
    assert internally("{}").status_code == 401
    assert internally("{}", **bearer, REMOTE_ADDR="192.0.2.7").status_code == 401
    assert managing.post(INTERNAL, {}, format="json").status_code == 403
    assert with_key("generate", "adapter", user=manager).post(INTERNAL, {}, format="json").status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("body", ["", "[]", "{", '{"generate": {}}', '{"generate": 1}'])
def test_the_internal_call_refuses_what_is_no_request(bearer: dict[str, str], body: str) -> None:
    response = internally(body, **bearer)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")
