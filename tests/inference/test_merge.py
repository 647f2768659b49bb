"""Merging, on a model small enough to be made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from inference.adapter_folder import WEIGHTS, adapter_digest
from inference.engine import ServedAdapter
from inference.exceptions import ModelNotFound


@pytest.mark.parametrize("touched", [["lm_head", "q_proj"], ["embed_tokens"], ["q_proj"]])
def test_a_merged_adapter_says_what_it_says_beside_the_base_also_where_one_matrix_embeds_and_predicts(
    tmp_path: Path, settings: Any, touched: list[str]
) -> None:
    import torch
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from safetensors.torch import save_file
    from transformers import LlamaConfig, LlamaForCausalLM

    from inference.backends.lora import attach_adapter, load_merged, merged_folder
    from inference.backends.model_loading import load_model

    settings.VAR_DIR = tmp_path / "var"
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    folder, adapter_folder = tmp_path / "base", tmp_path / "adapter"
    LlamaForCausalLM(LlamaConfig(vocab_size=32, tie_word_embeddings=True, **sizes)).save_pretrained(folder)
    base = load_model(folder, dtype=torch.float32, four_bit=False)
    config = LoraConfig(r=2, target_modules=touched, task_type="CAUSAL_LM")
    adapted = get_peft_model(load_model(folder, dtype=torch.float32, four_bit=False), config)
    matrices = {name: value for name, value in get_peft_model_state_dict(adapted).items() if ".lora_" in name}
    config.save_pretrained(adapter_folder)
    save_file({name: torch.randn_like(value) for name, value in matrices.items()}, adapter_folder / WEIGHTS)
    adapter = ServedAdapter("tied", adapter_digest(adapter_folder), str(adapter_folder))

    prompt = torch.tensor([[1, 2, 3, 4]])
    with torch.no_grad():
        bare = base(prompt).logits
        beside = attach_adapter(base, "aa", adapter)(prompt).logits
        merged = load_merged(folder, "aa", adapter, dtype=torch.float32, four_bit=False)(prompt).logits
        again = base(prompt).logits
    assert not torch.allclose(bare, beside, atol=1e-3)
    assert torch.allclose(beside, merged, atol=1e-3)
    assert torch.equal(bare, again)

    kept = merged_folder("aa", adapter.digest)
    (kept / "model.safetensors").unlink()  # not overwritten: it is mapped into memory
    (kept / "model.safetensors").write_bytes(b"half")
    with pytest.raises(ModelNotFound):
        load_merged(folder, "aa", adapter, dtype=torch.float32, four_bit=False)
    assert not kept.exists()
