"""The served weights as a file that llama.cpp reads, so that a comparison with it compares nothing but speed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import torch
from numpy.typing import NDArray

_OF_THE_FILE = ("GGUF.", "general.architecture", "general.file_type")


def write_gguf(model: Any, like: Path, target: Path) -> None:
    """Write `model` (of Llama's architecture) to `target` in float32, with the vocabulary and settings of `like`."""
    source = gguf.GGUFReader(like)
    writer = gguf.GGUFWriter(target, "llama")
    for name, about in source.fields.items():
        if not name.startswith(_OF_THE_FILE):
            sub_type = about.types[-1] if about.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(name, about.contents(), about.types[0], sub_type=sub_type)
    weights = _weights(model)
    for tensor in source.tensors:
        writer.add_tensor(tensor.name, weights[tensor.name])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _weights(model: Any) -> dict[str, NDArray[Any]]:
    """Arrays by their names in such a file."""
    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj.weight": config.num_attention_heads, "k_proj.weight": config.num_key_value_heads}
    weights = {}
    for name, parameter in model.named_parameters():
        value = parameter.detach().float()
        for suffix, count in heads.items():
            if name.endswith(suffix):
                value = _interleaved(value, count)
        weights[names.get_name(name, try_suffixes=(".weight",))] = value.contiguous().numpy()
    return weights


def _interleaved(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of each head in the order that llama.cpp rotates them: pairs beside each other, not half a head apart."""
    rows, columns = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns)
