"""The in-process engine where something fails beside the generation itself: no model is needed for that."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from inference.engine import EngineState, GenerationRequest, Message, Priority, ServedAdapter
from inference.exceptions import AdapterRejected, EngineUnavailable

ADAPTER = ServedAdapter("a", "aa", "nowhere")


@pytest.fixture
def engine() -> Any:
    """Ready, with something that is no model."""
    from inference.backends.generation import Served
    from inference.backends.transformers import TransformersEngine

    engine = TransformersEngine(batches=False)
    model = SimpleNamespace(device="cpu", dtype="torch.float32", config=SimpleNamespace(max_position_embeddings=8))
    engine._base = engine._served = Served(model, None, "m")
    engine._state = EngineState.READY
    return engine


@pytest.mark.parametrize("failing", ["attach_adapter", "PrefixCache"])
def test_whatever_fails_while_an_adapter_is_made_ready_is_a_reason_and_changes_nothing(
    engine: Any, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_values: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("inference.backends.transformers.attach_adapter", lambda *_values: SimpleNamespace(config=None))
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
