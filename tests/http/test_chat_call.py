"""`POST /api/ai/chat`: what it takes, what it refuses, and the events of its stream."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from rest_framework.test import APIClient

from chat.answers import Replaced, SentenceReleased, SourcesFound, StillWaiting
from inference.exceptions import EngineBusy
from tests.http.conftest import ScriptedPath

CHAT = "/api/ai/chat"


def ask(client: APIClient, **body: Any) -> Any:
    return client.post(CHAT, {"message": "Quanto custa?", **body}, format="json")


def events_of(response: Any) -> list[tuple[str, dict[str, Any]]]:
    blocks = b"".join(response.streaming_content).decode().split("\n\n")
    found = [block.split("\n") for block in blocks if block.startswith("event: ")]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in found]


def test_the_answer_has_what_older_clients_read(signed_in: APIClient, path: ScriptedPath) -> None:
    body = ask(signed_in).json()
    assert (body["text"], body["used"], body["C"]) == ("O passeio custa € 89 [1].", "local", 0.91)
    assert body["warnings"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": ""}, "message"),
        ({"message": "   "}, "message"),
        ({"message": None}, "message"),
        ({"message": "a" * 8001}, "message"),
        ({"message": ["a"]}, "message"),
        ({"message": {"a": 1}}, "message"),
        ({"message": True}, "message"),
        ({"message": "a\x00b"}, "message"),
        ({"tau": 1.01}, "tau"),
        ({"tau": -0.01}, "tau"),
        ({"tau": "muito"}, "tau"),
        ({"tau": "nan"}, "tau"),
        ({"tau": True}, "tau"),
        ({"tau": [0.5]}, "tau"),
        ({"tau": 10**400}, "tau"),
        ({"conversationId": "x"}, "conversationId"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_asked(
    signed_in: APIClient, path: ScriptedPath, body: dict[str, Any], field: str
) -> None:
    response = ask(signed_in, **body)
    assert response.status_code == 400
    assert list(response.json()["error"]["details"]) == [field]
    assert not path.asked


def test_half_a_character_is_refused_and_named_without_a_crash(signed_in: APIClient, path: ScriptedPath) -> None:
    half = signed_in.generic("POST", CHAT, r'{"message": "\ud800"}', content_type="application/json")
    assert list(half.json()["error"]["details"]) == ["message"]
    named = signed_in.generic("POST", CHAT, r'{"message": "Oi", "\ud800": 1}', content_type="application/json")
    assert named.status_code == 200


@pytest.mark.parametrize("message", ["a", "a" * 8000, "Açaí 🍇?", "linha\noutra"])
def test_messages_up_to_the_limit_are_asked_as_they_are(signed_in: APIClient, path: ScriptedPath, message: str) -> None:
    assert ask(signed_in, message=message).status_code == 200
    assert path.asked[0][0].text == message


@pytest.mark.parametrize(("tau", "meant"), [(0, 0.0), (1, 1.0), (0.5, 0.5), ("0.5", 0.5), (" 0.5 ", 0.5), (None, None)])
def test_tau_is_a_number_or_the_same_as_text(
    signed_in: APIClient, path: ScriptedPath, tau: Any, meant: float | None
) -> None:
    ask(signed_in, tau=tau)
    assert path.asked[0][0].tau == meant


@pytest.mark.parametrize(
    ("value", "forced"),
    [(True, True), ("true", True), (1, True), ("yes", True), (False, False), (0, False), ("", False), (None, False)],
)
def test_force_fallback_is_anything_true(signed_in: APIClient, path: ScriptedPath, value: Any, forced: bool) -> None:
    ask(signed_in, forceFallback=value)
    assert path.asked[0][0].force_fallback is forced


def test_nulls_are_the_same_as_absent_fields(signed_in: APIClient, path: ScriptedPath) -> None:
    response = ask(signed_in, tau=None, forceFallback=None, stream=None, conversationId=None)
    assert response.json()["warnings"] == []
    assert path.asked[0][0].conversation_id is None


def test_unknown_fields_are_ignored_and_named(signed_in: APIClient, path: ScriptedPath) -> None:
    warnings = ask(signed_in, tenantId="outro", lang="pt").json()["warnings"]
    assert [warning.rsplit(" ", 1)[-1] for warning in warnings] == ["lang", "tenantId"]


def test_a_conversation_is_gone_on_with(signed_in: APIClient, path: ScriptedPath) -> None:
    conversation = uuid.uuid4()
    ask(signed_in, conversationId=str(conversation))
    assert path.asked[0][0].conversation_id == conversation


def test_a_stream_sends_sources_then_text_then_the_whole_body(signed_in: APIClient, path: ScriptedPath) -> None:
    sentences = [SentenceReleased("Custa"), SentenceReleased(" € 89.")]
    path.parts = [SourcesFound((), 0.9, 0.62), StillWaiting("queued"), *sentences]
    response = ask(signed_in, stream=True)
    assert response["Content-Type"].startswith("text/event-stream")
    assert response["X-Accel-Buffering"] == "no"
    events = events_of(response)
    assert [name for name, _data in events] == ["sources", "delta", "delta", "done"]
    assert events[0][1] == {"sources": [], "C": 0.9, "tau": 0.62}
    assert [data["text"] for _name, data in events[1:3]] == ["Custa", " € 89."]
    assert events[3][1]["used"] == "local"


def test_waiting_is_a_comment_that_no_client_takes_for_an_event(signed_in: APIClient, path: ScriptedPath) -> None:
    path.parts = [SourcesFound((), 0.9, 0.62), StillWaiting("queued")]
    assert b"\n\n: waiting\n\n" in b"".join(ask(signed_in, stream=True).streaming_content)


def test_a_replacement_is_its_own_event(signed_in: APIClient, path: ScriptedPath) -> None:
    path.parts = [SourcesFound((), 0.9, 0.62), SentenceReleased("Errado."), Replaced("Certo.")]
    assert ("replace", {"text": "Certo."}) in events_of(ask(signed_in, stream=True))


def test_a_failure_in_the_middle_ends_the_stream_with_an_error_event(signed_in: APIClient, path: ScriptedPath) -> None:
    path.parts = [SourcesFound((), 0.9, 0.62)]
    path.failure = EngineBusy(retry_after_s=3)
    events = events_of(ask(signed_in, stream=True))
    assert [name for name, _data in events] == ["sources", "error"]
    assert events[1][1]["code"] == "engine_busy"


def test_a_failure_before_the_first_event_is_an_http_error(signed_in: APIClient, path: ScriptedPath) -> None:
    path.failure = EngineBusy(retry_after_s=3)
    response = ask(signed_in, stream=True)
    assert (response.status_code, response.json()["error"]["code"]) == (503, "engine_busy")


def test_closing_the_response_closes_the_answer(signed_in: APIClient, path: ScriptedPath) -> None:
    path.parts = [SourcesFound((), 0.9, 0.62), *[SentenceReleased("mais ")] * 1000]
    response = ask(signed_in, stream=True)
    next(iter(response.streaming_content))
    response.close()
    assert path.closed


def test_a_client_that_accepts_only_events_still_gets_its_errors(signed_in: APIClient, path: ScriptedPath) -> None:
    response = signed_in.post(CHAT, {"message": ""}, format="json", HTTP_ACCEPT="text/event-stream")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")
