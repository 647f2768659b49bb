"""A server that speaks OpenAI's protocol as the local model: the real client against a real HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from django.conf import settings

from inference import external, serving
from inference.backends import chat_stream
from inference.backends.fake import FakeEngine
from inference.backends.openai_compatible import OpenAICompatibleEngine
from inference.engine import (
    Delta,
    EngineState,
    GenerationPart,
    GenerationRequest,
    GenerationResult,
    Message,
    Waiting,
)
from inference.exceptions import (
    DeadlineExceeded,
    EngineBusy,
    EngineUnavailable,
    GenerationCancelled,
    GenerationFailed,
)
from inference.external import is_aion_itself
from inference.reconciler import Reconciler
from tests.inference.vllm_server import LOGPROB, VLLM, WINDOW, vllm_server
from tests.ports import free_port

REQUEST = GenerationRequest((Message("user", "Olá"),), max_new_tokens=8, stop=("fim",), seed=3, deadline_s=5)
SOON_S = 2.0


@pytest.fixture
def vllm() -> Iterator[VLLM]:
    with vllm_server() as server:
        yield server


def engine_of(vllm: VLLM) -> OpenAICompatibleEngine:
    return OpenAICompatibleEngine(vllm.url)


def leave_once_it_started(vllm: VLLM, gone: threading.Event) -> None:
    vllm.started.wait(SOON_S)
    gone.set()


def result_of(parts: Iterator[GenerationPart]) -> GenerationResult:
    *_, result = parts
    assert isinstance(result, GenerationResult)
    return result


def test_it_streams_and_reports_what_the_server_counted(vllm: VLLM) -> None:
    *parts, result = engine_of(vllm).generate(REQUEST)
    assert [part.text for part in parts if isinstance(part, Delta)] == ["base ", "base ", "base "]
    assert isinstance(result, GenerationResult)
    assert (result.text, result.finish_reason, result.model) == ("base base base ", "stop", "mistral")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (5, 3)
    assert (result.mean_logprob, result.min_logprob) == (LOGPROB, LOGPROB)
    assert {"stop": ["fim"], "seed": 3, "max_tokens": 8, "temperature": 0.0}.items() <= vllm.asked.items()


def test_what_the_server_does_not_count_is_estimated(vllm: VLLM) -> None:
    vllm.counts = False
    usage = result_of(engine_of(vllm).generate(REQUEST)).usage
    assert (usage.input_tokens, usage.output_tokens) == (2, 3)


def test_it_tells_the_model_and_the_window_that_the_server_has(vllm: VLLM) -> None:
    engine = engine_of(vllm)
    assert engine.status().state is EngineState.UNLOADED
    engine.load()
    status = engine.status()
    assert (status.state, status.base_model, status.context_window) == (EngineState.READY, "mistral", WINDOW)
    assert (status.base_sha256, status.adapter_digest) == ("", "")


@pytest.mark.parametrize(
    ("status", "retry_after", "error"),
    [
        (429, "7", EngineBusy),
        (503, "7", EngineBusy),
        (503, None, EngineUnavailable),
        (502, None, EngineUnavailable),
        (400, None, GenerationFailed),
        (500, None, GenerationFailed),
    ],
)
def test_its_failures_are_the_engine_s(
    vllm: VLLM, status: int, retry_after: str | None, error: type[Exception]
) -> None:
    vllm.status, vllm.retry_after = status, retry_after
    with pytest.raises(error) as caught:
        list(engine_of(vllm).generate(REQUEST))
    assert getattr(caught.value, "retry_after_s", 7) == 7


@pytest.mark.parametrize("header", ["soon", "nan", "-1", "1e99"])
def test_a_wait_that_makes_no_sense_is_bounded(vllm: VLLM, header: str) -> None:
    vllm.status, vllm.retry_after = 429, header
    with pytest.raises(EngineBusy) as caught:
        list(engine_of(vllm).generate(REQUEST))
    assert 1 <= caught.value.retry_after_s <= 600


@pytest.mark.parametrize("finish_reason", [None, "abort"])
def test_a_stream_that_the_server_broke_off_is_no_answer(vllm: VLLM, finish_reason: str | None) -> None:
    vllm.finish_reason = finish_reason
    with pytest.raises(GenerationFailed):
        list(engine_of(vllm).generate(REQUEST))


def test_a_connection_that_breaks_in_an_answer_does_not_make_the_server_unreachable(vllm: VLLM) -> None:
    engine = engine_of(vllm)
    vllm.drops = True
    with pytest.raises(GenerationFailed, match="broke the answer off"):
        list(engine.generate(REQUEST))
    assert engine.status().state is EngineState.READY


def test_a_server_that_died_since_is_unreachable() -> None:
    with vllm_server() as vllm:
        engine = engine_of(vllm)
        engine.load()
    with pytest.raises(EngineUnavailable):
        list(engine.generate(REQUEST))
    assert engine.status().state is EngineState.UNREACHABLE


def test_an_answer_at_its_limit_says_so(vllm: VLLM) -> None:
    vllm.finish_reason = "length"
    assert result_of(engine_of(vllm).generate(REQUEST)).finish_reason == "length"


def test_nobody_there_is_unavailable() -> None:
    engine = OpenAICompatibleEngine("http://127.0.0.1:9")
    with pytest.raises(EngineUnavailable):
        list(engine.generate(REQUEST))
    assert engine.status().state is EngineState.UNREACHABLE
    assert engine.status().error


@pytest.mark.django_db
def test_a_server_that_comes_back_is_noticed_without_a_question(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(settings, "AION_LOCAL_LLM_URL", url)
    engine = OpenAICompatibleEngine(url)
    with pytest.raises(EngineUnavailable):
        engine.load()
    with vllm_server(port=port):
        Reconciler(engine).reconcile()
    assert engine.status().state is EngineState.READY
    assert not engine.status().error


@pytest.mark.parametrize("writing", [False, True], ids=["prefilling", "writing"])
def test_it_stops_the_server_when_whoever_asked_went_away(vllm: VLLM, writing: bool) -> None:
    vllm.words, vllm.pause_s = 10_000, 0.001
    if not writing:
        vllm.may_write.clear()
    gone = threading.Event()
    parts = engine_of(vllm).generate(REQUEST, cancelled=gone.is_set)
    threading.Thread(target=leave_once_it_started, args=(vllm, gone)).start()
    with pytest.raises(GenerationCancelled):
        list(parts)
    assert vllm.hung_up.wait(SOON_S)


def test_a_closed_stream_stops_the_server(vllm: VLLM) -> None:
    vllm.words, vllm.pause_s = 10_000, 0.001
    parts = engine_of(vllm).generate(REQUEST)
    assert isinstance(next(parts), Delta)
    parts.close()  # type: ignore[attr-defined]  # a generator
    assert vllm.hung_up.wait(SOON_S)


def test_a_deadline_ends_a_silent_server(vllm: VLLM) -> None:
    vllm.may_write.clear()
    with pytest.raises(DeadlineExceeded):
        list(engine_of(vllm).generate(replace(REQUEST, deadline_s=0.3)))
    assert vllm.hung_up.wait(SOON_S)


def test_silence_shows_as_waiting(vllm: VLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_stream, "SIGN_OF_LIFE_S", 0.0)
    vllm.may_write.clear()
    parts = engine_of(vllm).generate(REQUEST)
    assert [next(parts), next(parts)] == [Waiting("queued"), Waiting("queued")]
    vllm.may_write.set()
    assert result_of(parts).text == "base base base "


def test_a_server_restarted_with_another_model_is_asked_for_that(vllm: VLLM) -> None:
    engine = engine_of(vllm)
    result_of(engine.generate(REQUEST))
    vllm.base = "qwen"
    assert result_of(engine.generate(REQUEST)).model == "qwen"
    assert engine.status().base_model == "qwen"


def test_an_old_address_that_is_aion_itself_is_recognised(vllm: VLLM) -> None:
    assert not is_aion_itself(vllm.url)
    external._answers.clear()
    assert is_aion_itself(f"http://localhost:{settings.AION_PORT}")
    vllm.health = {"service": "aion"}
    assert is_aion_itself(vllm.url)


def test_an_address_that_did_not_answer_is_asked_again_but_not_at_every_question(
    vllm: VLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[str]()
    answers: list[httpx.Response | Exception] = [httpx.ConnectError("away"), httpx.Response(502), httpx.Response(200)]

    def get(url: str, **_options: object) -> httpx.Response:
        asked.append(url)
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        answer.request = httpx.Request("GET", url)
        return answer

    url = f"{vllm.url}/another"
    monkeypatch.setattr(httpx, "get", get)
    assert not is_aion_itself(url)
    assert not is_aion_itself(url)
    assert len(asked) == 1
    monkeypatch.setattr(external, "ASK_AGAIN_S", 0.0)
    for _time in range(4):
        assert not is_aion_itself(url)
    assert len(asked) == 3, "an answer is remembered, whatever it says"


def test_aion_does_not_ask_itself(vllm: VLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "AION_LOCAL_LLM_URL", f"http://localhost:{settings.AION_PORT}")
    assert isinstance(serving._configured_engine(), FakeEngine)
    monkeypatch.setattr(settings, "AION_LOCAL_LLM_URL", vllm.url)
    assert isinstance(serving._configured_engine(), OpenAICompatibleEngine)
