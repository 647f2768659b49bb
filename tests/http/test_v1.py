"""`/v1`: OpenAI's shapes around the path of every question and around the model itself."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from chat.answers import Replaced, SentenceReleased, SourcesFound, StillWaiting
from chat.exceptions import FallbackFailed
from chat.v1 import embedding
from inference.backends.fake import FakeEngine
from inference.engine import EngineState, EngineStatus, ServedAdapter
from inference.exceptions import DeadlineExceeded, EngineBusy, EngineUnavailable, PromptTooLong
from inference.models import Adapter
from retrieval.embeddings import get_embedder
from tests.http.conftest import ScriptedPath

COMPLETIONS, MODELS, EMBEDDINGS = "/v1/chat/completions", "/v1/models", "/v1/embeddings"
TEXT = "O passeio custa € 89 [1]."
QUESTION = [{"role": "user", "content": "Quanto custa?"}]


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    FakeEngine.reset()
    made = FakeEngine()
    made.load()
    monkeypatch.setattr("chat.v1.speakers.get_engine", lambda: made)
    monkeypatch.setattr("chat.v1.catalogue.engine_status", made.status)
    yield made
    FakeEngine.reset()


@pytest.fixture
def path(monkeypatch: pytest.MonkeyPatch) -> ScriptedPath:
    scripted = ScriptedPath()
    monkeypatch.setattr("chat.v1.speakers.answer_stream", scripted.stream)
    return scripted


@pytest.fixture
def asking(with_key: Callable[..., APIClient]) -> APIClient:
    return with_key("chat")


@pytest.fixture
def generating(with_key: Callable[..., APIClient], manager: User) -> APIClient:
    return with_key("generate", user=manager)


def ask(client: APIClient, **body: Any) -> Any:
    return client.post(COMPLETIONS, {"model": "aion", "messages": QUESTION, **body}, format="json")


def chunks_of(response: Any) -> list[Any]:
    """The data of each event; `[DONE]` as it is."""
    blocks = b"".join(response.streaming_content).decode().split("\n\n")
    found = [block.removeprefix("data: ") for block in blocks if block.startswith("data: ")]
    return [data if data == "[DONE]" else json.loads(data) for data in found]


def adapter_row(name: str, digest: str, **changes: Any) -> Adapter:
    return Adapter.objects.create(name=name, digest=digest, base_model="fake", rank=16, size_bytes=1, **changes)


# --- the assistant -----------------------------------------------------------------------------------------------


def test_the_assistant_answers_in_openais_shape(asking: APIClient, path: ScriptedPath) -> None:
    body = ask(asking).json()
    assert (body["object"], body["model"]) == ("chat.completion", "aion")
    assert body["choices"][0]["message"] == {"role": "assistant", "content": TEXT, "refusal": None}
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"] == {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert "aion" not in body


def test_who_asks_for_it_is_told_route_confidence_and_sources(asking: APIClient, path: ScriptedPath) -> None:
    told = ask(asking, aion=True).json()["aion"]
    assert (told["route"], told["C"], told["sources"], told["reason"]) == ("local", 0.91, [], "confident")
    assert told["eventId"]


def test_the_last_question_is_asked_with_those_before_it(asking: APIClient, path: ScriptedPath) -> None:
    turns = [
        {"role": "user", "content": "Há passeio a Sintra?"},
        {"role": "assistant", "content": "Sim [1]."},
        {"role": "tool", "content": "17 graus", "tool_call_id": "x"},
        {"role": "user", "content": [{"type": "text", "text": "E quanto"}, {"type": "text", "text": "custa?"}]},
    ]
    ask(asking, messages=turns)
    question, asker = path.asked[0]
    assert (question.text, question.earlier) == ("E quanto\ncusta?", ("Há passeio a Sintra?",))
    assert asker.key_id is not None


def test_what_the_assistant_does_not_heed_is_named(asking: APIClient, path: ScriptedPath) -> None:
    turns = [{"role": "developer", "content": "Fale como um pirata."}, *QUESTION]
    warnings = ask(asking, messages=turns, temperature=1.5, user="ana", aion=True).json()["aion"]["warnings"]
    assert [warning for name in ("temperature", "system", "user") for warning in warnings if name in warning] == [
        "temperature não tem efeito no modelo aion.",
        "system não tem efeito no modelo aion.",
        "Campo desconhecido, ignorado: user",
    ]


def test_stop_ends_the_assistants_text_too(asking: APIClient, path: ScriptedPath) -> None:
    assert ask(asking, stop=[" [1]"]).json()["choices"][0]["message"]["content"] == "O passeio custa € 89"


def test_a_stream_releases_nothing_that_could_be_taken_back(asking: APIClient, path: ScriptedPath) -> None:
    path.parts = [
        SourcesFound((), 0.9, 0.62),
        StillWaiting("queued"),
        SentenceReleased("Errado."),
        Replaced("Certo."),
    ]
    chunks = chunks_of(ask(asking, stream=True, aion=True))
    texts = [chunk["choices"][0]["delta"].get("content") for chunk in chunks[:-1]]
    assert texts == ["", TEXT, None]
    assert (chunks[-2]["choices"][0]["finish_reason"], chunks[-2]["aion"]["route"]) == ("stop", "local")
    assert chunks[-1] == "[DONE]"


def test_a_waiting_stream_sends_comments(asking: APIClient, path: ScriptedPath) -> None:
    path.parts = [SourcesFound((), 0.9, 0.62), StillWaiting("queued"), StillWaiting("queued")]
    assert b"\n\n: waiting\n\n" in b"".join(ask(asking, stream=True).streaming_content)


def test_usage_comes_in_a_chunk_of_its_own_where_asked_for(asking: APIClient, path: ScriptedPath) -> None:
    chunks = chunks_of(ask(asking, stream=True, stream_options={"include_usage": True}))
    assert (chunks[-2]["choices"], chunks[-2]["usage"]["total_tokens"]) == ([], 15)
    assert {chunk["usage"] for chunk in chunks[:-2]} == {None}
    assert all("usage" not in chunk for chunk in chunks_of(ask(asking, stream=True))[:-1])


def test_a_queue_found_full_after_the_search_is_still_an_http_error(asking: APIClient, path: ScriptedPath) -> None:
    path.parts, path.failure = [SourcesFound((), 0.9, 0.62)], EngineBusy(3)
    assert ask(asking, stream=True).status_code == 503


def test_a_failure_in_the_middle_is_the_streams_last_event(asking: APIClient, path: ScriptedPath) -> None:
    path.parts, path.failure = [StillWaiting("queued")], EngineUnavailable("gone")
    chunks = chunks_of(ask(asking, stream=True))
    assert chunks[-1]["error"]["code"] == "engine_unavailable"


def test_closing_the_response_closes_the_answer(asking: APIClient, path: ScriptedPath) -> None:
    path.parts = [StillWaiting("queued")] * 1000
    response = ask(asking, stream=True)
    next(iter(response.streaming_content))
    response.close()
    assert path.closed


# --- the model itself --------------------------------------------------------------------------------------------


def test_the_model_is_given_the_turns_as_they_are(generating: APIClient, engine: FakeEngine) -> None:
    engine.script("um dois FIM três")
    turns = [
        {"role": "developer", "content": "Conte."},
        {"role": "user", "content": "Até dois."},
        {"role": "assistant", "content": None, "tool_calls": []},
        {"role": "tool", "content": "dois"},
    ]
    given = {"temperature": 0, "top_p": 0, "max_completion_tokens": 9, "stop": "FIM", "seed": 7}
    body = ask(generating, model="fake", messages=turns, **given).json()
    asked = engine.requests[0]
    said = [(turn.role, turn.content) for turn in asked.messages]
    assert said == [("system", "Conte."), ("user", "Até dois."), ("assistant", ""), ("user", "dois")]
    assert (asked.temperature, asked.top_p, asked.max_new_tokens, asked.stop, asked.seed) == (0, 0.01, 9, ("FIM",), 7)
    assert body["choices"][0]["message"]["content"].strip() == "um dois"
    assert body["usage"]["completion_tokens"] == 2


def test_what_is_left_open_is_as_in_generate(generating: APIClient, engine: FakeEngine) -> None:
    ask(generating, model="fake", temperature=None, stop=None, stream=None, n=None, tools=[])
    asked = engine.requests[0]
    assert (asked.temperature, asked.top_p, asked.max_new_tokens, asked.stop) == (0.6, 0.9, 512, ())


def test_an_answer_that_was_cut_says_so(generating: APIClient, engine: FakeEngine) -> None:
    engine.script("um dois três")
    choice = ask(generating, model="fake", max_tokens=2).json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("um dois", "length")


def test_the_models_words_are_streamed_as_they_come(generating: APIClient, engine: FakeEngine) -> None:
    engine.script("um dois")
    chunks = chunks_of(ask(generating, model="fake", stream=True))
    assert [chunk["choices"][0]["delta"].get("content") for chunk in chunks[:-1]] == ["", "um", " dois", None]
    assert len({chunk["id"] for chunk in chunks[:-1]}) == 1


def test_an_adapter_answers_under_its_own_name_only_while_it_serves(generating: APIClient, engine: FakeEngine) -> None:
    adapter_row("faq", "a" * 64)
    not_yet = ask(generating, model="faq")
    assert (not_yet.status_code, not_yet.json()["error"]["code"]) == (404, "model_not_found")
    assert not engine.requests
    engine.serve_adapter(ServedAdapter("faq", "a" * 64, "/nowhere"))
    assert ask(generating, model="faq").json()["system_fingerprint"] == "fp_aaaaaaaaaaaa"
    base = ask(generating, model="fake")
    assert (base.status_code, base.json()["error"]["param"]) == (404, "model")
    assert "faq" in base.json()["error"]["message"]


def test_a_swap_while_the_model_writes_is_not_passed_over(
    generating: APIClient, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving_before = engine.status()
    monkeypatch.setattr("chat.v1.catalogue.engine_status", lambda: serving_before)
    engine.serve_adapter(ServedAdapter("faq", "a" * 64, "/nowhere"))
    assert ask(generating, model="fake").json()["error"]["code"] == "model_not_found"


# --- refusals ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"model": None}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": "Oi"}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages"),
        ({"messages": [*QUESTION, {"role": "chefe", "content": "Oi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": "a\x00b"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages"),
        ({"messages": [{"role": "system", "content": "Só isto."}]}, "messages"),
        ({"n": 2}, "n"),
        ({"n": 0}, "n"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"presence_penalty": 0.5}, "presence_penalty"),
        ({"frequency_penalty": -1}, "frequency_penalty"),
        ({"logit_bias": {"50256": -100}}, "logit_bias"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "nan"}, "temperature"),
        ({"top_p": -0.1}, "top_p"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": 1}, "stop"),
        ({"seed": 2**63}, "seed"),
        ({"stream_options": "sim"}, "stream_options"),
        ({"aion": {"tau": 0}}, "aion"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_asked(
    asking: APIClient, path: ScriptedPath, body: dict[str, Any], param: str
) -> None:
    response = ask(asking, **body)
    assert response.status_code == 400
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert error["message"]
    assert not path.asked


@pytest.mark.parametrize(
    ("failure", "status", "code", "repeated"),
    [
        (EngineBusy(4.2), 503, "engine_busy", True),
        (EngineUnavailable("gone"), 503, "engine_unavailable", True),
        (DeadlineExceeded("late"), 504, "deadline_exceeded", False),
        (FallbackFailed("timeout"), 502, "fallback_failed", False),
        (PromptTooLong(9000, 512, 8192), 400, "context_length_exceeded", True),
        (ZeroDivisionError("a bug"), 500, "internal_error", True),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_failures_have_their_status_and_say_whether_to_try_again(
    asking: APIClient, path: ScriptedPath, failure: Exception, status: int, code: str, repeated: bool, stream: bool
) -> None:
    path.failure = failure
    response = ask(asking, stream=stream)
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert response.get("x-should-retry", "true") == ("true" if repeated else "false")
    assert response.get("Retry-After") == ("5" if code == "engine_busy" else None)


def test_a_model_that_is_not_loaded_is_a_failure_not_an_unknown_name(
    generating: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading = EngineStatus(EngineState.LOADING, "fake")
    monkeypatch.setattr("chat.v1.catalogue.engine_status", lambda: loading)
    response = ask(generating, model="fake")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "engine_unavailable")


@pytest.mark.django_db
@pytest.mark.parametrize("call", [COMPLETIONS, EMBEDDINGS, MODELS])
def test_nobody_comes_in_without_a_key(signed_in: APIClient, call: str) -> None:
    for client in (APIClient(), signed_in):
        response = client.get(call) if call == MODELS else client.post(call, {}, format="json")
        assert (response.status_code, response.json()["error"]["code"]) == (401, "invalid_api_key")


def test_a_key_does_only_what_it_may(
    with_key: Callable[..., APIClient], asking: APIClient, manager: User, path: ScriptedPath
) -> None:
    assert ask(asking, model="fake").status_code == 403
    assert ask(with_key("generate"), model="fake").status_code == 403
    generating = with_key("generate", user=manager)
    assert ask(generating).json()["error"]["code"] == "permission_denied"
    assert generating.post(EMBEDDINGS, {"model": "aion", "input": "a"}, format="json").status_code == 403


def test_too_many_questions_say_when_to_come_back(
    asking: APIClient, path: ScriptedPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chat.throttling.ChatThrottle.rate", "1/min", raising=False)
    assert ask(asking).status_code == 200
    response = ask(asking)
    assert (response.status_code, response.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert int(response["Retry-After"]) >= 1


@pytest.mark.parametrize("body", ["{", "[]", "1", '{"model": NaN}'])
def test_what_is_not_a_json_object_is_named_as_such(asking: APIClient, body: str) -> None:
    response = asking.generic("POST", COMPLETIONS, body, content_type="application/json")
    assert (response.status_code, response.json()["error"]["type"]) == (400, "invalid_request_error")


def test_errors_outside_the_calls_have_the_shape_too(asking: APIClient) -> None:
    assert asking.get("/v1/nada").json()["error"]["type"] == "invalid_request_error"
    assert asking.get(COMPLETIONS).json()["error"]["code"] == "method_not_allowed"


# --- models ------------------------------------------------------------------------------------------------------


def test_the_list_names_assistant_base_adapters_and_embedder(asking: APIClient, engine: FakeEngine) -> None:
    adapter_row("faq", "a" * 64)
    adapter_row("rh", "b" * 64)
    adapter_row("rh", "c" * 64)
    adapter_row("recusado", "d" * 64, state=Adapter.State.REJECTED)
    engine.serve_adapter(ServedAdapter("rh", "c" * 64, "/nowhere"))
    cards = {card["id"]: card for card in asking.get(MODELS).json()["data"]}
    assert set(cards) == {"aion", "fake", "faq", "rh@bbbbbbbbbbbb", "rh", get_embedder().id}
    assert {name for name, card in cards.items() if card["served"]} == {"aion", "rh", get_embedder().id}
    assert (cards["faq"]["object"], cards["faq"]["parent"]) == ("model", "fake")


@pytest.mark.parametrize("name", ["aion", "fake", "embedder", "rh@bbbbbbbbbbbb", ""])
def test_no_adapter_takes_the_name_of_another_model(asking: APIClient, name: str) -> None:
    adapter_row("rh", "b" * 64)
    adapter_row(get_embedder().id if name == "embedder" else name, "c" * 64)
    ids = [card["id"] for card in asking.get(MODELS).json()["data"]]
    assert len(ids) == len(set(ids)) == 5
    assert all(ids)
    named = asking.get(f"{MODELS}/{next(each for each in ids if 'c' * 12 in each)}").json()
    assert named["digest"] == "c" * 64


def test_a_newcomer_takes_no_name_away_and_each_can_be_called_with_its_digest(
    generating: APIClient, engine: FakeEngine
) -> None:
    adapter_row("rh", "b" * 64)
    engine.serve_adapter(ServedAdapter("rh", "b" * 64, "/nowhere"))
    adapter_row("rh", "c" * 64)
    for name in ("rh", "rh@bbbbbbbbbbbb"):
        assert ask(generating, model=name).json()["system_fingerprint"] == "fp_bbbbbbbbbbbb"
    assert "rh" in ask(generating, model="rh@cccccccccccc").json()["error"]["message"]
    engine.serve_adapter(None)
    cards = {card["id"]: card["digest"] for card in generating.get(MODELS).json()["data"]}
    assert (cards["rh"], cards["rh@cccccccccccc"]) == ("b" * 64, "c" * 64), "where none serves the older keeps it"


def test_an_adapter_that_serves_unregistered_is_listed(asking: APIClient, engine: FakeEngine) -> None:
    engine.serve_adapter(ServedAdapter("da-pasta", "e" * 64, "/nowhere"))
    assert asking.get(f"{MODELS}/da-pasta").json()["served"] is True


def test_one_model_is_found_by_its_name(asking: APIClient) -> None:
    assert asking.get(f"{MODELS}/aion").json()["id"] == "aion"
    missing = asking.get(f"{MODELS}/gpt-4o")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


def test_settings_at_what_they_are_anyway_are_accepted(asking: APIClient, path: ScriptedPath) -> None:
    usual = {"n": 1, "logprobs": False, "top_logprobs": 0, "presence_penalty": 0.0, "frequency_penalty": 0}
    assert ask(asking, **usual, logit_bias={}, tools=[]).status_code == 200
    assert ask(asking, **dict.fromkeys(usual), logit_bias=None, tools=None).status_code == 200


@pytest.mark.parametrize("address", ["/v1", "//v1/models", "/v1//models", "/v1/nothing"])
def test_an_address_beside_the_calls_is_an_error_that_clients_understand(asking: APIClient, address: str) -> None:
    extra: dict[str, Any] = {"PATH_INFO": address}
    response = asking.generic("GET", "/", **extra)
    assert (response.status_code, response.json()["error"]["type"]) == (404, "invalid_request_error")


@pytest.mark.parametrize("value", ["\ud800", "x" * 100_000])
@pytest.mark.parametrize(
    ("address", "body", "param"),
    [
        (COMPLETIONS, {"messages": [{"role": ..., "content": "Oi"}]}, "messages"),
        (EMBEDDINGS, {"input": "a", "encoding_format": ...}, "encoding_format"),
        (EMBEDDINGS, {"input": "a", "input_type": ...}, "input_type"),
    ],
)
def test_a_choice_that_is_half_a_character_or_a_book_is_wrong_and_no_more(
    asking: APIClient, address: str, body: dict[str, Any], param: str, value: str
) -> None:
    sent = json.dumps({"model": "aion", **body}, default=lambda _: value)
    response = asking.generic("POST", address, sent, content_type="application/json")
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)
    assert len(response.content) < 1000


@pytest.mark.parametrize("body", ["null", "[]"])
def test_a_body_without_fields_names_none(asking: APIClient, body: str) -> None:
    error = asking.generic("POST", COMPLETIONS, body, content_type="application/json").json()["error"]
    assert (error["param"], error["type"]) == (None, "invalid_request_error")


# --- embeddings --------------------------------------------------------------------------------------------------


def embed(client: APIClient, **body: Any) -> Any:
    return client.post(EMBEDDINGS, {"model": "aion", **body}, format="json")


def test_texts_become_unit_vectors_in_their_order(asking: APIClient) -> None:
    body = embed(asking, input=["gato", "cachorro"]).json()
    vectors = np.array([item["embedding"] for item in body["data"]])
    assert vectors.shape == (2, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3)
    assert np.allclose(vectors[0], get_embedder().query("gato"))
    assert (body["model"], body["usage"]["prompt_tokens"]) == (get_embedder().id, body["usage"]["total_tokens"])
    assert body["usage"]["total_tokens"] > 0


def test_base64_holds_the_same_numbers(asking: APIClient) -> None:
    packed = embed(asking, input="gato", encoding_format="base64").json()["data"][0]["embedding"]
    assert np.allclose(np.frombuffer(base64.b64decode(packed), "<f4"), get_embedder().query("gato"))


def test_a_passage_is_embedded_as_one_where_the_caller_says_so(asking: APIClient) -> None:
    vector = embed(asking, input="gato", input_type="passage").json()["data"][0]["embedding"]
    assert np.allclose(vector, get_embedder().passages(["gato"])[0], atol=1e-6)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": [""]}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": "a", "dimensions": 256}, "dimensions"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": ["a", "b" * 8001]}, "input"),
        ({"input": "a", "model": None}, "model"),
    ],
)
def test_embeddings_name_what_is_wrong(asking: APIClient, body: dict[str, Any], param: str) -> None:
    response = embed(asking, **body)
    assert (response.status_code, response.json()["error"]["param"]) == (400, param)


def test_the_dimensions_it_has_may_be_asked_for(asking: APIClient) -> None:
    assert embed(asking, input="a", dimensions=384).status_code == 200


def test_another_embedder_is_not_quietly_replaced(asking: APIClient) -> None:
    response = embed(asking, input="a", model="text-embedding-3-small")
    assert (response.status_code, response.json()["error"]["code"]) == (404, "model_not_found")
    assert get_embedder().id in response.json()["error"]["message"]


def test_only_a_few_embed_at_once(asking: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(embedding.AT_ONCE):
        embedding._seats.acquire()
    try:
        response = embed(asking, input="a")
    finally:
        for _ in range(embedding.AT_ONCE):
            embedding._seats.release()
    assert (response.status_code, response.json()["error"]["code"]) == (503, "engine_busy")
    assert embed(asking, input="a").status_code == 200


def test_long_texts_are_embedded_in_short_steps_and_in_their_order() -> None:
    texts = ["a" * 3000, "b" * 3000, *["c"] * 20, "d" * 8000]
    steps = list(embedding._steps(texts))
    assert [len(step) for step in steps] == [1, 16, 5, 1]
    assert [text for step in steps for text in step] == texts
