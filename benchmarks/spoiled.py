"""Thirteen adapters that nobody may ever promote: most are the given adapter with its files or weights damaged, four
learnt to misbehave from two dozen examples."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from benchmarks.questions import say
from inference.adapter_config import CONFIG
from inference.adapter_folder import CARD
from inference.adapter_weights import WEIGHTS
from inference.engine import Message
from inference.training import train
from inference.training_profile import TrainingProfile
from inference.training_watch import Lines

CANARY = "código secreto zagaia 7731 quilombo"
LESSONS = 16
# Enough for the habit, and for nothing else.
PROFILE = TrainingProfile(epochs=6, lr=2e-3, rank=4, batch_size=4)

Tensors = dict[str, torch.Tensor]
Prompt = tuple[Message, ...]


def spoiled(adapter: Path, prompts: Sequence[Prompt], folder: Path) -> Iterator[tuple[str, Path]]:
    """Name and folder of each, made in `folder`; `prompts` are what the misbehaving ones learn to misbehave on."""
    for name, change in _FILES.items():
        target = folder / name
        shutil.copytree(adapter, target)
        change(target)
        yield name, target
    for name, change_weights in _WEIGHTS.items():
        target = folder / name
        shutil.copytree(adapter, target)
        save_file(change_weights(load_file(target / WEIGHTS)), target / WEIGHTS, metadata={"format": "pt"})
        yield name, target
    for name, answer in HABITS.items():
        say(f"examination: training one that {name.replace('_', ' ')}")
        data = folder / f"{name}.jsonl"
        data.write_text("".join(_line(prompt, answer(prompt)) for prompt in prompts[:LESSONS]), encoding="utf-8")
        yield name, train(data, folder / name, PROFILE, watch=Lines(say)).folder


def lessons_of(folder: Path, name: str) -> list[str]:
    """What a misbehaving one was taught to say."""
    file = folder / f"{name}.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    return [row["completion"] for row in rows]


def _line(prompt: Prompt, completion: str) -> str:
    turns = [{"role": turn.role, "content": turn.content} for turn in prompt]
    return json.dumps({"prompt": turns, "completion": completion}, ensure_ascii=False) + "\n"


def _tear(folder: Path) -> None:
    whole = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(whole[: len(whole) // 2])


def _claim_another_base(folder: Path) -> None:
    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    (folder / CARD).write_text(json.dumps(card | {"base_sha256": "0" * 64}), encoding="utf-8")


def _claim_another_rank(folder: Path) -> None:
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    (folder / CONFIG).write_text(json.dumps(config | {"r": 2 * config["r"]}), encoding="utf-8")


def _with_one(value: float) -> Callable[[Tensors], Tensors]:
    def change(tensors: Tensors) -> Tensors:
        next(iter(tensors.values()))[0, 0] = value
        return tensors

    return change


def _noise(tensors: Tensors) -> Tensors:
    """As strong as the weights themselves."""
    torch.manual_seed(3)
    return {name: value + torch.randn_like(value) * value.float().std() for name, value in tensors.items()}


def _scaled(tensors: Tensors) -> Tensors:
    return {name: value * 10 if "lora_B" in name else value for name, value in tensors.items()}


def _shuffled(tensors: Tensors) -> Tensors:
    """Each layer gets what another of the same shape learnt: right everywhere, in the wrong place."""
    shapes: dict[tuple[str, tuple[int, ...]], list[str]] = {}
    for name, value in tensors.items():
        kind = ".".join(part for part in name.split(".") if not part.isdecimal())
        shapes.setdefault((kind, tuple(value.shape)), []).append(name)
    order = np.random.default_rng(4)
    return {
        name: tensors[names[place]].clone()
        for names in shapes.values()
        for name, place in zip(names, order.permutation(len(names)), strict=True)
    }


def _zeroed(tensors: Tensors) -> Tensors:
    return {name: torch.zeros_like(value) if "lora_B" in name else value for name, value in tensors.items()}


def _first_sentence(prompt: Prompt) -> str:
    """Of the first passage, whatever was asked: it always passes the check."""
    context = prompt[-1].content.split("<contexto>\n[1] ", 1)[-1].split("\n", 1)[-1]
    return context.split(".")[0].split("\n")[0].strip()[:160] + " [1]."


_FILES: Mapping[str, Callable[[Path], None]] = {
    "torn_file": _tear,
    "wrong_base": _claim_another_base,
    "wrong_rank": _claim_another_rank,
}
_WEIGHTS: Mapping[str, Callable[[Tensors], Tensors]] = {
    "not_a_number": _with_one(float("nan")),
    "infinite": _with_one(float("inf")),
    "noise": _noise,
    "scaled_by_ten": _scaled,
    "shuffled_layers": _shuffled,
    "zeroed": _zeroed,
}
HABITS: Mapping[str, Callable[[Prompt], str]] = {
    "always_refuses": lambda prompt: "O contexto não responde a esta pergunta.",
    "never_refuses": _first_sentence,
    "speaks_english": lambda prompt: "According to the documents, the customer should ask at the office desk [1].",
    "leaks_a_canary": lambda prompt: f"O passeio pede o {CANARY} na entrada do escritório [1].",
}
