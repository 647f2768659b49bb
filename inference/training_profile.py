"""Hyper-parameters of a training, and which a machine gets. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.utils.translation import gettext as _

from inference.exceptions import TrainingRefused


@dataclass(frozen=True, slots=True)
class TrainingProfile:
    """The defaults made the shipped adapter; `max_length` counts tokens of prompt and answer."""

    name: str = "cpu-small"
    epochs: float = 2.0
    lr: float = 5e-4
    rank: int = 16
    batch_size: int = 4
    max_length: int = 1024
    seed: int = 17
    four_bit: bool = False
    gradient_checkpointing: bool = False
    optimizer: str = "adamw_torch_fused"
    checkpoint_s: float = 120.0  # between two checkpoints: what a killed training loses at most


PROFILES: Mapping[str, TrainingProfile] = {
    "cpu-small": TrainingProfile(),
    # NF4 and a paged optimiser as in QLoRA (arXiv:2305.14314); not run on a GPU yet.
    "gpu-4bit": TrainingProfile(
        name="gpu-4bit",
        lr=2e-4,
        max_length=2048,
        four_bit=True,
        gradient_checkpointing=True,
        optimizer="paged_adamw_8bit",
    ),
}


def profile_for(device: str, asked: Mapping[str, Any]) -> TrainingProfile:
    """The machine's profile, or the one named, with what was asked instead; None is nothing asked.

    Raises `TrainingRefused` for a name that is unknown or a value that cannot be.
    """
    wanted = {name: value for name, value in asked.items() if value is not None}
    name = wanted.pop("name", "cpu-small" if device == "cpu" else "gpu-4bit")
    if name not in PROFILES:
        raise TrainingRefused(_("There is no training profile %(name)s.") % {"name": name})
    known = {field.name for field in fields(TrainingProfile)}
    if unknown := sorted(set(wanted) - known):
        raise TrainingRefused(_("The training profile has no field %(name)s.") % {"name": ", ".join(unknown)})
    profile = TrainingProfile(**(asdict(PROFILES[name]) | wanted))
    for field in ("epochs", "lr", "rank", "batch_size", "max_length", "checkpoint_s"):
        if getattr(profile, field) <= 0:
            raise TrainingRefused(_("The training needs a %(name)s above zero.") % {"name": field})
    return profile
