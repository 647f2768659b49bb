"""One shape for every error, with stable codes and sentences in the language of the request."""

from __future__ import annotations

import codecs
import json
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

from chat.exceptions import FallbackFailed, InvalidQuestion, PermissionRefused
from chat.parsers import MAX_BODY_BYTES
from inference.exceptions import DeadlineExceeded, EngineBusy, EngineUnavailable, GenerationFailed
from retrieval.exceptions import EmbeddingFailed, SearchFailed
from tests.http.conftest import ScriptedPath

CHAT = "/api/ai/chat"


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (InvalidQuestion("tau", "fora do intervalo"), 400, "invalid_request"),
        (PermissionRefused("tau", "não pode"), 403, "permission_denied"),
        (FallbackFailed("timeout"), 502, "fallback_failed"),
        (EngineBusy(retry_after_s=4.2), 503, "engine_busy"),
        (EngineUnavailable("gone"), 503, "engine_unavailable"),
        (GenerationFailed("broken"), 503, "engine_unavailable"),
        (DeadlineExceeded("late"), 504, "deadline_exceeded"),
        (EmbeddingFailed("no embedder"), 503, "search_unavailable"),
        (SearchFailed("no database"), 503, "search_unavailable"),
        (OperationalError("no database"), 503, "database_unavailable"),
        (ZeroDivisionError("a bug"), 500, "internal_error"),
    ],
)
def test_every_failure_of_the_answer_path_has_its_status_and_code(
    signed_in: APIClient, path: ScriptedPath, failure: Exception, status: int, code: str
) -> None:
    path.failure = failure
    response = signed_in.post(CHAT, {"message": "Quanto custa?"}, format="json")
    assert response.status_code == status
    assert set(response.json()) == {"error"}
    assert set(response.json()["error"]) == {"code", "message", "details"}
    assert response.json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("timeout", "demorou demais"),
        ("quota", "não está aceitando mais perguntas agora"),
        ("refused", "Avise quem cuida do AION"),
        ("unconfigured", "ainda não está configurada"),
        ("unreachable", "Não foi possível falar com a API paga"),
        ("interrupted", "interrompeu a resposta no meio"),
        ("personal_data", "iriam junto dados pessoais"),
        ("circuit_open", "está em pausa"),
        ("server_error", "A API paga não respondeu"),
        ("malformed", "A API paga não respondeu"),
    ],
)
def test_a_failure_of_the_paid_api_is_told_in_portuguese_and_never_in_its_own_words(
    signed_in: APIClient, path: ScriptedPath, reason: str, words: str
) -> None:
    path.failure = FallbackFailed(reason, "upstream said: sk-hunter2")
    error = signed_in.post(CHAT, {"message": "Quanto custa?"}, format="json").json()["error"]
    assert error["details"] == {"reason": reason}
    assert words in error["message"]
    assert "hunter2" not in str(error)


def test_an_unexpected_failure_tells_nothing_of_its_cause(signed_in: APIClient, path: ScriptedPath) -> None:
    path.failure = RuntimeError("password=hunter2")
    response = signed_in.post(CHAT, {"message": "Oi"}, format="json")
    assert "hunter2" not in response.content.decode()


def test_a_full_queue_says_when_to_come_back(signed_in: APIClient, path: ScriptedPath) -> None:
    path.failure = EngineBusy(retry_after_s=4.2)
    response = signed_in.post(CHAT, {"message": "Oi"}, format="json")
    assert response["Retry-After"] == "5"


@pytest.mark.parametrize(
    ("language", "start"), [("", "Escreva"), ("pt-BR", "Escreva"), ("en", "Write"), ("*", "Escreva")]
)
def test_the_sentence_follows_the_language_of_the_request(signed_in: APIClient, language: str, start: str) -> None:
    response = signed_in.post(CHAT, {"message": " "}, format="json", HTTP_ACCEPT_LANGUAGE=language)
    assert response.json()["error"]["details"]["message"][0].startswith(start)


@pytest.mark.parametrize("body", ["{", "[" * 100_000, '{"message": NaN}', "\xff", '{"message": 1' + "0" * 5000 + "}"])
def test_what_is_not_json_is_named_as_such(signed_in: APIClient, body: str) -> None:
    response = signed_in.generic("POST", CHAT, body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("codec", ["bz2", "zlib", "hex", "utf-16"])
def test_the_body_is_read_as_utf8_whatever_codec_it_names(signed_in: APIClient, codec: str) -> None:
    """Python has codecs that unpack: half a megabyte of bz2 can hold more than any memory."""
    plain: Any = b'{"message": "Oi"}'
    body: Any = codecs.encode(plain, codec) if codec != "utf-16" else plain.decode().encode(codec)
    response = signed_in.generic("POST", CHAT, body, content_type=f"application/json; charset={codec}")
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.parametrize("body", ["[]", '"texto"', "1", "null", "true"])
def test_json_that_is_no_object_is_refused(signed_in: APIClient, body: str) -> None:
    response = signed_in.generic("POST", CHAT, body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_request"


def test_a_body_of_null_is_refused_in_the_readers_language(signed_in: APIClient) -> None:
    response = signed_in.generic("POST", CHAT, "null", content_type="application/json")
    assert response.json()["error"]["message"] == "Envie um objeto JSON."


def test_a_value_that_is_half_a_character_or_a_book_is_wrong_and_no_more(signed_in: APIClient) -> None:
    for value in ("\ud800", "x" * 100_000):
        body = json.dumps({"eventId": value, "vote": value})
        response = signed_in.generic("POST", "/api/ai/feedback", body, content_type="application/json")
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")
        assert set(response.json()["error"]["details"]) == {"eventId", "vote"}
        assert len(response.content) < 2000


def test_what_is_wrong_inside_a_list_is_said_in_words(managing: APIClient) -> None:
    response = managing.post("/generate", {"prompt": "Oi", "stop": ["fim", "a" * 300]}, format="json")
    assert response.json()["error"]["message"].startswith("stop: Certifique-se de que este campo não tenha mais de 200")


def test_a_body_that_never_comes_is_the_callers_failure(signed_in: APIClient, caplog: pytest.LogCaptureFixture) -> None:
    class Stalled(BytesIO):
        def read(self, *_size: Any) -> bytes:
            raise BlockingIOError

    body: dict[str, Any] = {"wsgi.input": Stalled()}
    response = signed_in.generic("POST", CHAT, "x", content_type="application/json", **body)
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")
    assert not [record for record in caplog.records if record.exc_info]


def test_a_form_is_told_to_send_json(signed_in: APIClient) -> None:
    response = signed_in.post(CHAT, "message=Oi", content_type="application/x-www-form-urlencoded")
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media_type")


def test_a_body_above_the_limit_is_refused_unread(signed_in: APIClient) -> None:
    body = '{"message": "' + "a" * MAX_BODY_BYTES + '"}'
    response = signed_in.generic("POST", CHAT, body, content_type="application/json")
    assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")
    assert response.json()["error"]["details"] == {"limitBytes": MAX_BODY_BYTES}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "staff"), [("/entrar/", False), ("/admin/login/", False), ("/api/ai/chat", False), ("/admin/", True)]
)
def test_nobody_but_staff_fills_the_disk_with_files(client: Client, manager: User, address: str, staff: bool) -> None:
    if staff:
        client.force_login(manager)
    file = SimpleUploadedFile("a.bin", b"a" * 3_000_000)
    response = client.post(address, {"username": "ana", "password": "x", "file": file})
    assert (response.status_code == 413) is not staff


def test_another_method_is_named(signed_in: APIClient) -> None:
    response = signed_in.get(CHAT)
    assert (response.status_code, response.json()["error"]["code"]) == (405, "method_not_allowed")
    assert "GET" in response.json()["error"]["message"]


def test_an_unknown_address_of_programs_answers_json_and_one_of_people_a_page(client: Client) -> None:
    assert client.get("/api/nothing").json()["error"]["code"] == "not_found"
    assert client.get("/nada").headers["Content-Type"].startswith("text/html")


def test_a_host_that_is_not_ours_is_refused_in_the_same_shape(client: Client) -> None:
    response = client.get("/health", headers={"host": "evil.example"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


def test_too_many_requests_say_when_to_come_back(
    signed_in: APIClient, path: ScriptedPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.throttling.ChatThrottle.rate", "1/min", raising=False)
    ask: Any = lambda: signed_in.post(CHAT, {"message": "Oi"}, format="json")  # noqa: E731
    assert ask().status_code == 200
    response = ask()
    assert (response.status_code, response.json()["error"]["code"]) == (429, "throttled")
    assert int(response["Retry-After"]) >= 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "first", "second", "status"),
    [
        ("192.0.2.7", "198.51.100.1", "198.51.100.2", 429),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "198.51.100.2, 203.0.113.9", 429),
        ("127.0.0.1", "203.0.113.8", "203.0.113.9", 200),
    ],
)
def test_nobody_is_counted_as_another_by_saying_so(
    path: ScriptedPath,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    address: str,
    first: str,
    second: str,
    status: int,
) -> None:
    settings.AION_OPEN_CHAT, settings.AION_ALLOWED_ORIGINS = True, ["https://site.example"]
    monkeypatch.setattr("chat.throttling.ChatThrottle.rate", "1/min", raising=False)
    for named in (first, second):
        extra: dict[str, Any] = {"REMOTE_ADDR": address, "HTTP_X_FORWARDED_FOR": named}
        response = APIClient().post(CHAT, {"message": "Oi"}, HTTP_ORIGIN="https://site.example", format="json", **extra)
    assert response.status_code == status


def test_with_the_cache_gone_requests_are_not_counted_but_answered(
    signed_in: APIClient, path: ScriptedPath, settings: Any
) -> None:
    settings.CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    }
    assert signed_in.post(CHAT, {"message": "Oi"}, format="json").status_code == 200
