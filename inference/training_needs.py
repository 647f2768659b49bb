"""What a training needs of memory and disk, from the base model's shape. Pure arithmetic, checked by `bench-training`.

The base's weights stay as they are; a LoRA weight has a gradient and two moments beside it, all in 32 bits. Most of the
rest are activations that wait for the backward pass, which grow with the tokens of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from inference.exceptions import TrainingRefused
from inference.model_sizes import ModelShape, Precision, weight_bytes
from inference.training_profile import TrainingProfile

PROCESS_BYTES = 800 * 10**6  # interpreter, torch, transformers, peft, trl, datasets and Django
_LORA_BYTES = 4 + 4 + 8 + 2  # weight, gradient, two moments, the copy in 16 bits that is multiplied
_BACKWARD = 1.4  # of the activations, with the gradients that pass and what the allocator keeps: measured, 35 lengths
_LOGIT_BYTES = 2 + 4 + 4 + 4  # as predicted, in 32 bits, its logarithm, its gradient
_CHECKPOINT_BYTES = 4 + 8  # of a LoRA weight; three at once while the third is written
_RESULT_BYTES = 3 * 2  # aside, in the result folder and in the registry
_SPARE_DISK_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Load:
    """The largest batch, in tokens with their padding, and the answer tokens in it."""

    tokens: int
    answer_tokens: int


@dataclass(frozen=True, slots=True)
class Needs:
    memory_bytes: int
    disk_bytes: int


def needs(shape: ModelShape, profile: TrainingProfile, precision: Precision, load: Load) -> Needs:
    lora = lora_parameters(shape, profile.rank)
    layers = 1 if profile.gradient_checkpointing else shape.layers
    kept = 2 * shape.hidden * shape.layers if profile.gradient_checkpointing else 0
    activations = _BACKWARD * load.tokens * (_activation_bytes(shape) * layers + kept)
    logits = load.answer_tokens * shape.vocabulary * _LOGIT_BYTES
    memory = PROCESS_BYTES + weight_bytes(shape, precision) + lora * _LORA_BYTES + activations + logits
    return Needs(round(memory), lora * (3 * _CHECKPOINT_BYTES + _RESULT_BYTES) + _SPARE_DISK_BYTES)


def lora_parameters(shape: ModelShape, rank: int) -> int:
    """Two thin matrices beside each of the seven of a layer."""
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = 2 * (shape.hidden + queries) + 2 * (shape.hidden + keys)
    return shape.layers * rank * (attention + 3 * (shape.hidden + shape.intermediate))


def require_room(needed: Needs, *, free_memory: int, free_disk: int, folder: str) -> None:
    """Raise `TrainingRefused` with what is missing."""
    if needed.memory_bytes > free_memory:
        raise TrainingRefused(
            _(
                "The training needs about %(needed)s GB of memory and %(free)s GB are free. A smaller batch, shorter "
                "examples or a smaller base model need less."
            )
            % {"needed": _gigabytes(needed.memory_bytes), "free": _gigabytes(free_memory)}
        )
    if needed.disk_bytes > free_disk:
        raise TrainingRefused(
            _(
                "The training needs about %(needed)s GB on the disk of %(folder)s and %(free)s GB are free. Free some "
                "space, or set AION_TRAIN_ROOT to a folder on another disk."
            )
            % {"needed": _gigabytes(needed.disk_bytes), "free": _gigabytes(free_disk), "folder": folder}
        )


def _activation_bytes(shape: ModelShape) -> int:
    """Of one token in one layer: norms in 32 bits, queries, keys and values turned and not, the gated product's four
    factors. The multiples were counted for Llama's layers."""
    return 2 * (14 * shape.hidden + 4 * shape.intermediate)


def _gigabytes(number: int) -> str:
    return str(number_format(number / 10**9, 1))
