"""Adapters that are sound files and yet must not touch the base model that serves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from inference.adapter_folder import CONFIG, WEIGHTS, adapter_digest
from inference.engine import ServedAdapter
from inference.exceptions import AdapterRejected


@pytest.mark.parametrize("change", [{"init_lora_weights": "olora"}, {"target_modules": r"(\w+)+\.q_proj$"}])
def test_a_configuration_that_would_harm_the_base_is_refused_where_it_is_loaded(
    engine: Any, strong_adapter: ServedAdapter, tmp_path: Path, change: dict[str, object]
) -> None:
    """Checked again there: the registry's folder may have changed since."""
    folder = tmp_path / "hostile"
    shutil.copytree(strong_adapter.path, folder)
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | change))
    before = engine._base.model.get_input_embeddings().weight.sum().item()
    weights = [matrix.clone() for matrix in list(engine._base.model.parameters())[1:8]]
    with pytest.raises(AdapterRejected):
        engine.serve_adapter(ServedAdapter("hostile", adapter_digest(folder), str(folder)))
    assert engine.status().adapter_digest == ""
    assert engine._base.model.get_input_embeddings().weight.sum().item() == before
    for kept, now in zip(weights, list(engine._base.model.parameters())[1:8], strict=True):
        assert kept.equal(now)


def test_matrices_for_modules_that_the_base_lacks_are_refused_before_peft_looks_for_them(
    engine: Any, strong_adapter: ServedAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would try every pattern of theirs on every module that is there."""
    from safetensors.numpy import load_file, save_file

    folder = Path(strong_adapter.path).with_name("strangers")
    shutil.copytree(strong_adapter.path, folder)
    weights = load_file(folder / WEIGHTS)
    for part in ("A", "B"):
        name = f"base_model.model.model.layers.0.self_attn.q_proj.lora_{part}.weight"
        weights[name.replace("layers.0", "layers.99")] = weights[name]
    save_file(weights, folder / WEIGHTS)
    monkeypatch.setattr("inference.backends.lora.get_peft_model", lambda *_given, **_named: pytest.fail("it looked"))
    with pytest.raises(AdapterRejected) as caught:
        engine.serve_adapter(ServedAdapter("strangers", adapter_digest(folder), str(folder)))
    assert caught.value.code == "wrong_base"


def test_an_initialisation_named_in_the_file_is_not_carried_out(
    engine: Any, strong_adapter: ServedAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where the check of the configuration let one through."""
    monkeypatch.setattr("inference.adapter_config._HARMLESS_INITIALISATIONS", (None, True, False, "olora"))
    folder = Path(strong_adapter.path).with_name("olora")
    shutil.copytree(strong_adapter.path, folder)
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps(config | {"init_lora_weights": "olora"}))
    weights = {name: matrix.clone() for name, matrix in engine._base.model.named_parameters() if "layers.0." in name}
    engine.serve_adapter(ServedAdapter("olora", adapter_digest(folder), str(folder)))
    for name, matrix in engine._base.model.named_parameters():
        if name in weights:
            assert matrix.equal(weights[name]), name
