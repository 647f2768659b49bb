"""GGUF files to safetensors folders, which load faster and are what an engine reads. Imports torch and transformers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from inference.exceptions import ModelNotFound


def convert_gguf(gguf: Path, target: Path) -> None:
    """Write the model in `gguf` to the new folder `target`: aside, flushed to disk and renamed, so whole or not there.

    Raises `ModelNotFound` where it cannot be read or written.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    aside = target.with_name(f".{target.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    try:
        aside.mkdir(parents=True)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
        _forget_quantisation(model)
        model.save_pretrained(aside, safe_serialization=True)
        AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(aside)
        flush(aside)
        aside.rename(target)
    except (OSError, ValueError, KeyError, RuntimeError, NotImplementedError) as exc:
        raise ModelNotFound(f"{gguf.name} could not be converted into {target}: {exc}") from exc
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _forget_quantisation(model: Any) -> None:
    """The weights are plain bf16 after loading, yet `save_pretrained` refuses while these say otherwise."""
    model.is_quantized = False
    model.hf_quantizer = None
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config


def flush(folder: Path) -> None:
    """Have the files of `folder` on the disk, so that no name outlives what it names."""
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
