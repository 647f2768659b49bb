"""Adapters on an external server, by vLLM's calls: what each answer was written with, and when the server is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from inference.adapter_folder import WEIGHTS, adapter_digest
from inference.adapters import register, reload_adapter, set_desired
from inference.backends.openai_compatible import OpenAICompatibleEngine
from inference.backends.runtime_lora import name_of
from inference.engine import EngineState, GenerationRequest, GenerationResult, Message, ServedAdapter
from inference.exceptions import AdapterRejected, EngineUnavailable, GenerationFailed
from inference.models import DesiredState
from inference.reconciler import Reconciler
from inference.registry import adapter_path
from tests.inference.vllm_server import BASE_WORD, MAX_RANK, VLLM, vllm_server

REQUEST = GenerationRequest((Message("user", "Olá"),), max_new_tokens=8, deadline_s=30)
CLIENTS = 8
SWAPS = 40
SOON_S = 2.0


@pytest.fixture
def vllm() -> Iterator[VLLM]:
    with vllm_server() as server:
        yield server


@pytest.fixture
def engine(vllm: VLLM) -> OpenAICompatibleEngine:
    engine = OpenAICompatibleEngine(vllm.url)
    engine.load()
    return engine


@pytest.fixture
def first(make_adapter: Callable[..., Path]) -> ServedAdapter:
    return served(make_adapter("first", value=0.1))


@pytest.fixture
def second(make_adapter: Callable[..., Path]) -> ServedAdapter:
    return served(make_adapter("second", value=0.2))


def served(folder: Path) -> ServedAdapter:
    return ServedAdapter(folder.name, adapter_digest(folder), str(folder))


def ask(engine: OpenAICompatibleEngine) -> GenerationResult:
    *_, result = engine.generate(REQUEST)
    assert isinstance(result, GenerationResult)
    return result


def unloads_are_done() -> None:
    for thread in threading.enumerate():
        if thread.name == "adapter-unload":
            thread.join(SOON_S)


def word(vllm: VLLM, adapter: ServedAdapter) -> str:
    return vllm.word_of(name_of(adapter))


def test_an_adapter_is_loaded_asked_for_and_told(vllm: VLLM, engine: OpenAICompatibleEngine, first: ServedAdapter):
    engine.serve_adapter(first)
    result = ask(engine)
    assert set(result.text.split()) == {word(vllm, first)}
    assert (result.model, result.adapter, result.adapter_digest) == ("mistral", "first", first.digest)
    status = engine.status()
    assert (status.adapter, status.adapter_digest, status.merged) == ("first", first.digest, False)
    assert first.digest in vllm.asked["model"]


def test_the_one_before_is_unloaded(vllm: VLLM, engine, first: ServedAdapter, second: ServedAdapter):
    for adapter in (first, second, None):
        engine.serve_adapter(adapter)
    calls = [(call, {name_of(first): "first", name_of(second): "second"}[name]) for call, name in vllm.calls]
    assert calls == [("load", "first"), ("load", "second"), ("unload", "first"), ("unload", "second")]
    assert set(ask(engine).text.split()) == {BASE_WORD}
    assert engine.status().adapter_digest == ""


def test_what_runs_ends_on_the_old_one_which_stays_until_then(
    vllm, engine, first: ServedAdapter, second: ServedAdapter
):
    engine.serve_adapter(first)
    old_word = word(vllm, first)
    vllm.may_write.clear()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(ask, engine)
        assert vllm.started.wait(SOON_S)
        engine.serve_adapter(second)
        assert name_of(first) in vllm.adapters
        vllm.may_write.set()
        old = running.result()
    assert (set(old.text.split()), old.adapter_digest) == ({old_word}, first.digest)
    assert ask(engine).adapter_digest == second.digest
    unloads_are_done()
    assert list(vllm.adapters) == [name_of(second)]


def test_who_used_an_adapter_last_does_not_wait_until_the_server_has_unloaded_it(
    vllm, engine, first: ServedAdapter, monkeypatch: pytest.MonkeyPatch
):
    unloading, unloaded = threading.Event(), threading.Event()

    def unload(_name: str) -> None:
        unloading.set()
        unloaded.wait(10 * SOON_S)

    engine.serve_adapter(first)
    monkeypatch.setattr(engine._adapters, "_unload", unload)
    parts = engine.generate(REQUEST)
    next(parts)
    with ThreadPoolExecutor() as pool:
        engine.serve_adapter(None)
        rest = pool.submit(list, parts)
        try:
            assert isinstance(rest.result(SOON_S)[-1], GenerationResult)
            assert unloading.wait(SOON_S)
        finally:
            unloaded.set()
    unloads_are_done()


def test_swaps_under_load_never_mix_two_adapters(vllm, engine, first: ServedAdapter, second: ServedAdapter):
    vllm.pause_s = 0.002
    words = {}
    for adapter in (first, second):
        engine.serve_adapter(adapter)
        words[adapter.digest] = word(vllm, adapter)
    stopped = threading.Event()

    def keep_asking() -> list[GenerationResult]:
        results = []
        while not stopped.is_set():
            results.append(ask(engine))
        return results

    with ThreadPoolExecutor(CLIENTS) as pool:
        clients = [pool.submit(keep_asking) for _ in range(CLIENTS)]
        try:
            for number in range(SWAPS):
                engine.serve_adapter((first, second)[number % 2])
        finally:
            stopped.set()
        results = [result for client in clients for result in client.result()]
    assert {result.adapter_digest for result in results} == set(words)
    for result in results:
        assert result.text.split() == [words[result.adapter_digest]] * vllm.words
    unloads_are_done()
    assert list(vllm.adapters) == [name_of(second)]


def test_going_back_at_once_keeps_what_still_runs(vllm, engine, first: ServedAdapter, second: ServedAdapter):
    engine.serve_adapter(first)
    vllm.may_write.clear()
    with ThreadPoolExecutor() as pool:
        running = pool.submit(ask, engine)
        assert vllm.started.wait(SOON_S)
        engine.serve_adapter(second)
        engine.serve_adapter(first)
        vllm.may_write.set()
        assert running.result().adapter_digest == first.digest
    unloads_are_done()
    assert list(vllm.adapters) == [name_of(first)]
    assert ask(engine).adapter_digest == first.digest


def test_new_requests_do_not_wait_for_a_load(vllm, engine, first: ServedAdapter, second: ServedAdapter):
    engine.serve_adapter(first)
    vllm.loading_s = 1.0
    with ThreadPoolExecutor() as pool:
        swap = pool.submit(engine.serve_adapter, second)
        while engine.status().state is not EngineState.SWAPPING:
            time.sleep(0.001)
        assert ask(engine).adapter_digest == first.digest
        assert not swap.done()
        swap.result()
    assert ask(engine).adapter_digest == second.digest


def test_a_failing_adapter_leaves_the_old_one_and_says_why(vllm, engine, make_adapter, first: ServedAdapter):
    engine.serve_adapter(first)
    with pytest.raises(AdapterRejected, match="max_lora_rank") as caught:
        engine.serve_adapter(served(make_adapter("large", rank=MAX_RANK * 2)))
    assert caught.value.code == "refused_by_server"
    assert "max_lora_rank" in engine.status().error
    assert ask(engine).adapter_digest == first.digest
    engine.serve_adapter(first)
    assert not engine.status().error


def test_a_folder_that_the_server_does_not_see_is_named(engine, first: ServedAdapter, monkeypatch):
    monkeypatch.setattr("tests.inference.vllm_server.CONFIG", "on another machine")
    with pytest.raises(AdapterRejected) as caught:
        engine.serve_adapter(first)
    assert caught.value.code == "not_found_there"
    assert first.path in str(caught.value)


def test_a_server_without_such_calls_refuses_adapters(vllm: VLLM, engine, first: ServedAdapter):
    vllm.runtime_lora = False
    with pytest.raises(AdapterRejected) as caught:
        engine.serve_adapter(first)
    assert caught.value.code == "no_runtime_adapters"
    assert ask(engine).adapter_digest == ""


def test_a_dead_server_refuses_adapters(engine, first: ServedAdapter):
    gone = OpenAICompatibleEngine("http://127.0.0.1:9")
    with pytest.raises(AdapterRejected) as caught:
        gone.serve_adapter(first)
    assert caught.value.code == "server_unreachable"


def test_a_failure_without_words_is_told_by_its_name(
    engine: OpenAICompatibleEngine, first: ServedAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_values: object, **_named: object) -> None:
        raise httpx.ReadTimeout("")

    monkeypatch.setattr(engine._client, "post", fail)
    with pytest.raises(AdapterRejected, match="ReadTimeout"):
        engine.serve_adapter(first)


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_name_in_use_is_ours_only_from_our_folder(vllm, engine, make_adapter, first: ServedAdapter, elsewhere: bool):
    vllm.adapters[name_of(first)] = make_adapter("other", value=0.3) if elsewhere else Path(first.path)
    if not elsewhere:
        engine.serve_adapter(first)
        assert ask(engine).adapter_digest == first.digest
        return
    with pytest.raises(AdapterRejected, match="already been loaded"):
        engine.serve_adapter(first)


def test_files_that_changed_since_are_not_loaded(vllm: VLLM, engine, first: ServedAdapter, second: ServedAdapter):
    (Path(first.path) / WEIGHTS).write_bytes((Path(second.path) / WEIGHTS).read_bytes())
    with pytest.raises(AdapterRejected) as caught:
        engine.serve_adapter(first)
    assert caught.value.code == "changed"
    assert not vllm.calls


def test_nothing_is_merged_on_another_server(vllm: VLLM, engine, first: ServedAdapter):
    with pytest.raises(AdapterRejected) as caught:
        engine.serve_adapter(replace(first, merged=True))
    assert caught.value.code == "not_mergeable"
    assert not vllm.calls


def test_an_adapter_lost_in_a_restart_is_loaded_again_once(vllm: VLLM, engine, first: ServedAdapter):
    engine.serve_adapter(first)
    vllm.restart()
    with ThreadPoolExecutor(CLIENTS) as pool:
        results = [asked.result() for asked in [pool.submit(ask, engine) for _ in range(CLIENTS)]]
    assert {result.adapter_digest for result in results} == {first.digest}
    assert {result.text for result in results} == {f"{word(vllm, first)} " * vllm.words}


def test_an_adapter_that_is_lost_for_good_is_an_error(vllm: VLLM, engine, first: ServedAdapter):
    engine.serve_adapter(first)
    vllm.restart()
    vllm.runtime_lora = False
    with pytest.raises(EngineUnavailable, match="has lost the adapter first"):
        ask(engine)
    assert engine.status().error


def test_a_server_that_answers_as_another_model_is_not_believed(vllm: VLLM, engine, first: ServedAdapter):
    engine.serve_adapter(first)
    vllm.answers_as = "mistral"
    with pytest.raises(GenerationFailed, match="answered as mistral"):
        ask(engine)


@pytest.mark.django_db
def test_a_wish_for_an_adapter_of_the_server_s_model_is_fulfilled(vllm, engine, make_adapter, monkeypatch):
    """Its base cannot be compared: the server tells no SHA-256, and this machine may not have the weights."""
    monkeypatch.setattr(settings, "AION_LOCAL_LLM_URL", vllm.url)
    adapter = register(make_adapter("large-model", base_sha256="ab" * 32))
    assert adapter.base_sha256 == "ab" * 32
    reload_adapter(adapter.pk)
    reconciler = Reconciler(engine)
    reconciler.reconcile()
    assert ask(engine).adapter_digest == adapter.digest
    assert vllm.adapters[f"aion-{adapter.digest}"] == adapter_path(adapter.digest)
    merge = set_desired(adapter.pk, merged=True)
    reconciler.reconcile()
    merge.refresh_from_db()
    assert (merge.outcome, merge.error_code) == (DesiredState.Outcome.FAILED, "not_mergeable")
    assert ask(engine).adapter_digest == adapter.digest


def test_an_unload_that_fails_costs_no_answer(vllm: VLLM, engine, first: ServedAdapter):
    engine.serve_adapter(first)
    vllm.runtime_lora = False
    engine.serve_adapter(None)
    assert ask(engine).adapter_digest == ""
