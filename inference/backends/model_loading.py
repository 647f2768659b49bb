"""Reads a model folder into memory in the precision and on the device that suit this machine."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import torch
from django.conf import settings
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer

from inference.exceptions import GenerationFailed, ModelNotFound

_CPUS = Path("/sys/devices/system/cpu")
_UNREADABLE = (
    OSError,
    ValueError,
    RuntimeError,
    TypeError,
    LookupError,
    AttributeError,
    SafetensorError,
    StrictDataclassError,
)
_BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of `folder`; the end token pads where none is set. Raises `ModelNotFound`."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except (OSError, ValueError) as exc:
        raise ModelNotFound(f"the tokenizer in {folder} cannot be read: {exc}") from exc
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_model(folder: Path, *, dtype: torch.dtype | None = None, four_bit: bool | None = None) -> Any:
    """The model in `folder`, in eval mode; by default in what `AION_DEVICE` and `AION_LOAD_IN_4BIT` ask for.

    Raises `ModelNotFound` where it cannot be read, `GenerationFailed` where it does not fit.
    """
    device = choose_device()
    options: dict[str, Any] = {"dtype": dtype or choose_dtype(device), "device_map": _device_map(device)}
    if wants_four_bit(device) if four_bit is None else four_bit:
        options |= {"quantization_config": _four_bit(), "dtype": torch.bfloat16}
    if device == "cpu":
        torch.set_num_threads(physical_cores())
    try:
        model, loaded = AutoModelForCausalLM.from_pretrained(
            folder,
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
            **options,
        )
    except torch.OutOfMemoryError as exc:
        raise GenerationFailed(f"the model in {folder} does not fit into the memory of {device}") from exc
    except _UNREADABLE as exc:
        raise ModelNotFound(f"the model in {folder} cannot be read: {exc}") from exc
    if missing := sorted(loaded["missing_keys"]):  # transformers would fill them with random numbers
        raise ModelNotFound(f"the model in {folder} is incomplete: {len(missing)} weights are missing ({missing[0]})")
    return model.eval()


def share_weights(model: Any) -> Any:
    """A copy of the modules of `model` on the very same tensors: an adapter can be attached to it, nothing merged."""
    shared = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    return copy.deepcopy(model, shared)


def choose_device() -> str:
    """`AION_DEVICE`, where `auto` takes a GPU if one can be used."""
    wanted = str(settings.AION_DEVICE)
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return wanted


def choose_dtype(device: str) -> torch.dtype:
    """bf16 where the processor multiplies it, else fp32: emulated bf16 is slower than fp32."""
    if device != "cpu":
        return torch.bfloat16
    return torch.bfloat16 if _processor_flags() & _BF16_FLAGS else torch.float32


def wants_four_bit(device: str) -> bool:
    asked: bool | None = settings.AION_LOAD_IN_4BIT
    return device != "cpu" if asked is None else asked


def physical_cores() -> int:
    """Cores this process may use, unless `OMP_NUM_THREADS` says otherwise.

    A second thread on the same core only gets in the way of matrix products.
    """
    if chosen := os.environ.get("OMP_NUM_THREADS"):
        return int(chosen)
    siblings = [_CPUS / f"cpu{number}" / "topology" / "thread_siblings_list" for number in os.sched_getaffinity(0)]
    return len({file.read_text() if file.exists() else str(file) for file in siblings})


def _device_map(device: str) -> str | dict[str, str]:
    return {"": "cpu"} if device == "cpu" else "auto"


def _four_bit() -> Any:
    # bitsandbytes looks for a kernel on a hub when imported on some processors; it is imported behind this only.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=torch.bfloat16,
        bnb_4bit_use_double_quant=True,
    )


def _processor_flags() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return {flag for line in lines if line.startswith(("flags", "Features")) for flag in line.split(":", 1)[1].split()}
