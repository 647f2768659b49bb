"""What a training is made of: its profile, what it needs, its arguments, its batches, its curve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from inference.exceptions import TrainingRefused
from inference.model_sizes import ModelShape, Precision
from inference.training_data import read_examples
from inference.training_needs import Load, Needs, lora_parameters, needs, require_room
from inference.training_profile import PROFILES, TrainingProfile, profile_for
from inference.training_watch import Lines, Progress, thinned

SMOLLM = ModelShape(
    layers=30, hidden=576, intermediate=1536, heads=9, kv_heads=3, head_dim=64, vocabulary=49152, tied=True
)


def test_a_line_of_a_dataset_may_hold_any_character_that_json_does(tmp_path: Path) -> None:
    said = "um\u2028dois\u0085três"
    (tmp_path / "data.jsonl").write_text(
        json.dumps({"prompt": "Quantos?", "completion": said}, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    assert [example.completion for example in read_examples(tmp_path / "data.jsonl")] == [said]


def test_the_machine_chooses_the_profile_and_a_person_what_they_fill_in() -> None:
    assert profile_for("cpu", {"rank": None, "epochs": 2.0}) == TrainingProfile(epochs=2.0)
    assert profile_for("cuda", {}) == PROFILES["gpu-4bit"]
    assert profile_for("cpu", {"name": "gpu-4bit", "lr": 1e-4}).four_bit


@pytest.mark.parametrize("asked", [{"name": "tpu"}, {"ranks": 3}, {"rank": 0}, {"lr": -1.0}])
def test_a_profile_that_cannot_be_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(TrainingRefused):
        profile_for("cpu", asked)


def test_the_weights_of_an_adapter_are_counted_as_the_shipped_one_has_them() -> None:
    from safetensors import safe_open

    shipped = Path("inference/bundled/adapter")
    rank = json.loads((shipped / "adapter_config.json").read_text())["r"]
    with safe_open(shipped / "adapter_model.safetensors", framework="numpy") as file:
        counted = sum(rows * columns for rows, columns in (file.get_slice(name).get_shape() for name in file.keys()))  # noqa: SIM118 - no dict
    assert lora_parameters(SMOLLM, rank) == counted


def test_memory_is_estimated_a_little_above_what_was_measured() -> None:
    """Four examples of 300 to 640 tokens in 35 steps at rank 16 reached 4.5 GB, and stayed there (2 cores)."""
    estimated = needs(SMOLLM, TrainingProfile(), Precision.BF16, Load(tokens=2560, answer_tokens=80)).memory_bytes
    assert 4.5 * 10**9 * 0.9 < estimated < 4.5 * 10**9 * 1.25


def test_checkpointed_activations_need_much_less() -> None:
    load = Load(tokens=8000, answer_tokens=80)
    plain, spare = (
        needs(SMOLLM, TrainingProfile(gradient_checkpointing=kept), Precision.BF16, load).memory_bytes
        for kept in (False, True)
    )
    assert spare < plain / 2


@pytest.mark.parametrize(("free_memory", "free_disk", "words"), [(1, 100, "de memória"), (100, 1, "AION_TRAIN_ROOT")])
def test_what_is_missing_is_named(free_memory: int, free_disk: int, words: str) -> None:
    with pytest.raises(TrainingRefused, match=words):
        require_room(Needs(50, 50), free_memory=free_memory, free_disk=free_disk, folder="/x")
    require_room(Needs(50, 50), free_memory=50, free_disk=50, folder="/x")


def test_on_a_gpu_the_base_is_in_four_bits_and_the_optimiser_paged(tmp_path: Path) -> None:
    from inference import sft

    arguments = sft._arguments(PROFILES["gpu-4bit"], tmp_path)
    assert (arguments.optim, arguments.gradient_checkpointing) == ("paged_adamw_8bit", True)
    assert arguments.per_device_train_batch_size == 4


def test_an_example_costs_the_same_beside_a_longer_one() -> None:
    """No mask is given to the model: padding lies where causal attention does not look."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from inference.sft import IGNORED, _AnswerTrainer

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=50, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2
    )
    model = LlamaForCausalLM(config)
    short = ([3, 4, 5, 6], [IGNORED, IGNORED, 5, 6])
    long = ([7, 8, 9, 10, 11, 12, 13], [IGNORED] * 7)

    def loss(*rows: tuple[list[int], list[int]]) -> float:
        width = max(len(ids) for ids, _labels in rows)
        ids = torch.tensor([row + [0] * (width - len(row)) for row, _labels in rows])
        labels = torch.tensor([row + [IGNORED] * (width - len(row)) for _ids, row in rows])
        trainer = object.__new__(_AnswerTrainer)
        return float(trainer.compute_loss(model, {"input_ids": ids, "labels": labels}).detach())

    assert loss(short, long) == pytest.approx(loss(short), rel=1e-6)


def test_the_order_of_examples_depends_on_seed_and_epoch_alone() -> None:
    import torch

    from inference.sft import _ByLength

    lengths = [n % 7 for n in range(40)]

    def order(seed: int, epoch: int) -> list[int]:
        torch.manual_seed(len(lengths) + epoch)
        return list(_ByLength(lengths, 4, seed, lambda: epoch))

    assert order(1, 0) == order(1, 0)
    assert sorted(order(1, 0)) == list(range(40))
    assert len({tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1)}) == 4


def test_a_long_curve_is_told_in_few_points_that_end_where_it_ends() -> None:
    losses = [(step, float(step), step / 2) for step in range(1, 1001)]
    curve = thinned(losses, points=10)
    assert (len(curve), curve[0], curve[-1]) == (10, (100, 50.5, 50.0), (1000, 950.5, 500.0))
    assert thinned(losses[:3]) == losses[:3]


def test_a_line_is_said_every_tenth_step_and_at_the_end() -> None:
    said: list[str] = []
    lines = Lines(said.append)
    losses = [(step, 2.0, float(step)) for step in range(1, 13)]
    for step in range(1, 13):
        lines.tell(Progress(step, 12, losses[:step], 7, float(step)))
    assert said == ["step 10/12, loss 2.000, 10 s", "step 12/12, loss 2.000, 12 s"]
