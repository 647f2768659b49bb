"""The in-process engine where something fails beside the generation itself: no model is needed for that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from inference.engine import EngineState, GenerationRequest, Message, Priority, ServedAdapter
from inference.exceptions import AdapterRejected, EngineUnavailable, GenerationCancelled, GenerationFailed

ADAPTER = ServedAdapter("a", "aa", "nowhere")


@pytest.fixture
def engine() -> Any:
    """Ready, with something that is no model."""
    from inference.backends.forward import ModelForward
    from inference.backends.generation import Served
    from inference.backends.transformers import TransformersEngine

    engine = TransformersEngine(batches=False)
    config = SimpleNamespace(max_position_embeddings=8)
    model = SimpleNamespace(device="cpu", dtype="torch.float32", config=config, modules=lambda: ())
    engine._base = engine._served = Served(ModelForward(model), None, "m")
    engine._state = EngineState.READY
    return engine


@pytest.mark.parametrize("failing", ["attach_adapter", "PrefixCache"])
def test_whatever_fails_while_an_adapter_is_made_ready_is_a_reason_and_changes_nothing(
    engine: Any, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_values: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(
        "inference.backends.transformers.attach_adapter", lambda *_values: SimpleNamespace(modules=lambda: ())
    )
    monkeypatch.setattr(f"inference.backends.transformers.{failing}", fail)
    with pytest.raises(AdapterRejected, match="MemoryError") as caught:
        engine.serve_adapter(ADAPTER)
    status = engine.status()
    assert caught.value.code == "not_ready"
    assert (status.state, status.adapter, status.error) == (EngineState.READY, "", str(caught.value))


def test_who_waits_when_the_model_is_unloaded_hears_of_it(engine: Any) -> None:
    from inference.backends.generation import Job, parts_of

    job = Job(GenerationRequest((Message("user", "Olá"),)), [1])
    queue = engine._queue
    queue.put(lambda: engine._serve(job), tokens=1, priority=Priority.CHAT)
    engine.unload()
    queue.run()
    with pytest.raises(EngineUnavailable):
        next(parts_of(job, lambda: False))


@pytest.mark.parametrize(("temperature", "top_p"), [(1e-50, 1.0), (1e-40, 1.0), (1.0, 0.0)])
def test_no_temperature_and_no_top_p_leaves_nothing_to_choose_from(temperature: float, top_p: float) -> None:
    import torch

    from inference.backends.decoding import Sampling, _Chooser

    choose = _Chooser(Sampling(temperature, top_p), torch.device("cpu"))
    assert choose(torch.tensor([1.0, 9.0, 2.0]), [0]).id == 1


def test_whatever_keeps_the_model_from_being_read_ends_the_loading(monkeypatch: pytest.MonkeyPatch) -> None:
    from inference.backends.transformers import TransformersEngine

    def fail(_configured: str) -> None:
        raise ZeroDivisionError("an odd file")

    monkeypatch.setattr("inference.backends.transformers.base_model_path", fail)
    engine = TransformersEngine(batches=False)
    with pytest.raises(GenerationFailed):
        engine.load()
    assert (engine.status().state, engine.status().error) == (EngineState.FAILED, "an odd file")


def test_who_goes_away_does_not_wait_for_a_turn_to_decode_alone() -> None:
    from inference.backends.forward import ModelForward
    from inference.backends.generation import Job, Served, answer

    model = SimpleNamespace(generation_config=SimpleNamespace(eos_token_id=1), modules=lambda: ())
    served = Served(ModelForward(model), MagicMock(eos_token_id=1), "m")
    job = Job(GenerationRequest((Message("user", "Olá"),), temperature=0.8), [1])
    job.abandoned.set()
    with served.alone, pytest.raises(GenerationCancelled):
        list(answer(job, served))


@pytest.mark.parametrize(
    ("reason", "state"),
    [("No requests can be scheduled", EngineState.READY), ("CUDA error: lost", EngineState.FAILED)],
)
def test_a_batch_that_ends_takes_only_its_own_answers_along(engine: Any, reason: str, state: EngineState) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from inference.backends.batching import Batch
    from inference.backends.forward import ModelForward
    from inference.backends.generation import Job, Served

    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=32, **sizes)).to(torch.float32).eval()
    dying = Batch(model)
    tokenizer = MagicMock(eos_token_id=2, decode=lambda ids, **_how: "a" * len(ids))
    engine._served = Served(ModelForward(model), tokenizer, "m", None, None, dying)

    def fail() -> None:
        raise RuntimeError(reason)

    def outcome() -> Any:
        job = Job(GenerationRequest((Message("user", "Olá"),), max_new_tokens=2), [3, 4, 5])
        engine._serve(job)
        parts = [job.parts.get_nowait() for _part in range(job.parts.qsize())]
        return parts[-1]

    dying._manager._generation_step = fail
    failed = outcome()
    assert isinstance(failed, GenerationFailed)
    assert reason in str(failed)
    assert engine.status().state == state
    try:
        assert outcome().usage.output_tokens >= 1
        assert engine._served.batch is not dying
    finally:
        engine._served.batch.close()
