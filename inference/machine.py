"""What this machine has and how fast it is: memory as the system tells it, rates from a few seconds of products."""

from __future__ import annotations

import logging
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import inference.backends  # noqa: F401 - sets how OpenMP waits, before torch is imported  # isort: skip
import torch
from torch.nn.functional import linear
from transformers import LlamaConfig, LlamaForCausalLM

from inference.backends.model_loading import choose_device, choose_dtype, physical_cores
from inference.model_sizes import PROMPT_TOKENS, ModelShape, Precision, Rates

MEASURING_S = 4.0  # all four together; with what has to be made for them, ten seconds on a busy machine
_MATRIX = 2048
_MATRICES = 32  # 256 MB in 16 bits: more than any cache holds
_USUAL = {"hidden_size": 1024, "intermediate_size": 3072, "num_attention_heads": 16, "num_key_value_heads": 8}
_TINY = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 4, "num_key_value_heads": 2}
_TINY_LAYERS = (2, 10)
_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a model would run. Memory in bytes: of the GPU where there is one, else of the machine or container."""

    device: str
    name: str
    precision: Precision
    memory_bytes: int
    free_bytes: int
    threads: int
    load: float  # processes that wanted the processor in the last minute


def this_machine() -> Machine:
    """Looked at, not measured."""
    device = choose_device()
    free, total = torch.cuda.mem_get_info() if device != "cpu" else _system_memory()
    return Machine(
        device=device,
        name=torch.cuda.get_device_name() if device != "cpu" else _processor_name(),
        precision=Precision.BF16 if choose_dtype(device) is torch.bfloat16 else Precision.FP32,
        memory_bytes=total,
        free_bytes=free,
        threads=physical_cores(),
        load=os.getloadavg()[0],
    )


def measure(machine: Machine, *, budget_s: float = MEASURING_S) -> Rates:
    """Rates of this machine, as busy as it is now; the median of what was timed within a quarter of `budget_s` each."""
    if machine.device == "cpu":
        torch.set_num_threads(machine.threads)
    share_s = budget_s / 4
    with torch.inference_mode():
        return Rates(
            bytes_s=_bytes_s(machine, share_s),
            operations_s=_operations_s(machine, share_s),
            layer_s=_layer_s(machine, share_s),
            nf4_weights_s=_nf4_weights_s(machine, share_s),
        )


def _bytes_s(machine: Machine, share_s: float) -> float:
    """Memory's bandwidth, as products of matrices that no cache holds with one vector see it."""
    matrices = torch.full((_MATRICES, _MATRIX, _MATRIX), 0.01, dtype=_dtype(machine), device=machine.device)
    vector = torch.ones(1, _MATRIX, dtype=matrices.dtype, device=machine.device)
    seconds = _median_s(lambda: [linear(vector, matrix) for matrix in matrices], machine, share_s)
    return int(matrices.nbytes) / seconds


def _operations_s(machine: Machine, share_s: float) -> float:
    """Multiplications of matrices, as a prompt through two layers of a usual size sees them."""
    model, shape = _small_model(machine, layers=2, **_USUAL)
    prompt = torch.zeros(1, PROMPT_TOKENS, dtype=torch.long, device=machine.device)
    seconds = _median_s(lambda: model(prompt, use_cache=True, logits_to_keep=1), machine, share_s)
    return 2 * shape.linear_parameters * PROMPT_TOKENS / seconds


def _layer_s(machine: Machine, share_s: float) -> float:
    """What a layer costs where its weights cost nothing: the difference between two tiny models of unequal depth."""
    seconds = []
    for layers in _TINY_LAYERS:
        model, _shape = _small_model(machine, layers=layers, **_TINY)
        prompt = torch.zeros(1, 64, dtype=torch.long, device=machine.device)
        cache = model(prompt, use_cache=True).past_key_values
        seconds.append(_median_s(_decode_step(model, prompt[:, :1], cache), machine, share_s / len(_TINY_LAYERS)))
    return max(0.0, (seconds[1] - seconds[0]) / (_TINY_LAYERS[1] - _TINY_LAYERS[0]))


def _small_model(machine: Machine, *, layers: int, **sizes: int) -> tuple[Any, ModelShape]:
    """A decoder with random weights, and its shape."""
    config = LlamaConfig(num_hidden_layers=layers, vocab_size=64, **sizes)
    model = LlamaForCausalLM(config).to(dtype=_dtype(machine), device=machine.device).eval()
    return model, ModelShape.from_config(config.to_dict())


def _dtype(machine: Machine) -> torch.dtype:
    return torch.bfloat16 if machine.precision is Precision.BF16 else torch.float32


def _decode_step(model: Any, token: torch.Tensor, cache: Any) -> Callable[[], object]:
    return lambda: model(token, past_key_values=cache, use_cache=True)


def _nf4_weights_s(machine: Machine, share_s: float) -> float | None:
    """Weights a second in four bits for one vector; None where bitsandbytes cannot be used."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")  # on some processors it looks for a kernel on a hub when imported
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # and says each time that it found none
    try:
        from bitsandbytes.nn import Linear4bit

        layer = Linear4bit(_MATRIX, _MATRIX, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4")
        layer = layer.to(machine.device)
        vector = torch.ones(1, _MATRIX, dtype=torch.bfloat16, device=machine.device)
        return _MATRIX**2 / _median_s(lambda: layer(vector), machine, share_s)
    except (ImportError, RuntimeError, OSError, NotImplementedError):
        return None


def _median_s(work: Callable[[], object], machine: Machine, within_s: float) -> float:
    work()  # the first time allocates
    until = time.monotonic() + within_s
    times: list[float] = []
    while not times or time.monotonic() < until:
        started = time.perf_counter()
        work()
        if machine.device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _system_memory() -> tuple[int, int]:
    """Free and total, in bytes; a container's limit counts where it is the smaller."""
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    total, free = (int(lines[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    limit = min((_limit(file) for file in _CGROUP_LIMITS), default=total)
    return min(free, limit), min(total, limit)


def _limit(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # none there, or the word "max"
        return 2**63


def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
