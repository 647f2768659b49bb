"""The real small model, loaded once per session and precision, and adapters made for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from inference.adapter_folder import CARD, CONFIG, WEIGHTS, adapter_digest
from inference.engine import ServedAdapter

REPOSITORY = Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "inference" / "bundled" / "adapter"


@pytest.fixture(scope="session")
def bundled_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The converted bundled model: the installation's own where there is one, since converting takes half a minute."""
    from django.conf import settings

    target = Path(settings.VAR_DIR) / "models" / "smollm2-135m-instruct"
    prepared = REPOSITORY / "var" / "models" / "smollm2-135m-instruct"
    if not target.exists() and prepared.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(prepared, target)
    from inference.bundled import bundled_model_path

    return bundled_model_path()


@pytest.fixture(scope="session")
def fp32_engine(bundled_model: Path) -> Iterator[Any]:
    import torch

    from inference.backends.transformers import TransformersEngine

    engine = TransformersEngine(dtype=torch.float32)
    engine.load()
    yield engine
    engine.unload()


@pytest.fixture
def engine(fp32_engine: Any) -> Any:
    """The loaded engine with no adapter."""
    fp32_engine.serve_adapter(None)
    return fp32_engine


@pytest.fixture(scope="session")
def strong_adapter(bundled_model: Path, tmp_path_factory: pytest.TempPathFactory) -> ServedAdapter:
    """An adapter whose effect shows: rank 2 on the attention, with values drawn from a fixed seed."""
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors.torch import save_file

    from inference.backends.model_loading import load_model
    from inference.base_models import base_sha256

    torch.manual_seed(5)
    config = LoraConfig(
        r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM", inference_mode=True
    )
    model = get_peft_model(load_model(bundled_model, dtype=torch.float32), config)
    weights = {
        name: torch.randn_like(value) * 0.05 if "lora_B" in name else value.detach()
        for name, value in get_peft_model_state_dict(model).items()
    }
    folder = tmp_path_factory.mktemp("adapter") / "strong"
    config.base_model_name_or_path = "SmolLM2-135M-Instruct"
    config.save_pretrained(folder)
    save_file(weights, folder / WEIGHTS)
    (folder / CARD).write_text(json.dumps({"name": "strong", "base_sha256": base_sha256(bundled_model)}))
    return ServedAdapter("strong", adapter_digest(folder), str(folder))


@pytest.fixture
def make_adapter(tmp_path: Path) -> Callable[..., Path]:
    """Write a small adapter folder; without a model, so its shapes fit none."""

    def make(name: str = "adapter", *, value: float = 0.5, rank: int = 2, base_sha256: str = "") -> Path:
        import numpy as np
        from safetensors.numpy import save_file

        folder = tmp_path / name
        folder.mkdir()
        (folder / CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": rank, "base_model_name_or_path": "m"}))
        save_file(
            {
                "base_model.model.x.lora_A.weight": np.full((rank, 4), value, dtype=np.float32),
                "base_model.model.x.lora_B.weight": np.full((4, rank), value, dtype=np.float32),
            },
            folder / WEIGHTS,
        )
        if base_sha256:
            (folder / CARD).write_text(json.dumps({"base_sha256": base_sha256}))
        return folder

    return make
