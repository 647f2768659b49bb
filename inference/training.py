"""One training, from examples to an adapter's folder. The learning itself is `inference.sft`, imported late."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.translation import gettext as _

from inference.base_models import base_model_path, base_sha256, file_sha256
from inference.checkpoints import private_folder
from inference.exceptions import TrainingFailed
from inference.training_data import Example, read_examples
from inference.training_profile import TrainingProfile, profile_for
from inference.training_watch import Watch

if TYPE_CHECKING:
    from inference.sft import Fit


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """The result: a folder that `inference.adapters.register` accepts, and what the run card says."""

    folder: Path
    card: dict[str, Any]


def train(
    dataset: Path,
    out: Path,
    profile: TrainingProfile,
    *,
    watch: Watch,
    checkpoints: Path | None = None,
    notes: Mapping[str, Any] | None = None,
) -> TrainedAdapter:
    """Train a LoRA adapter on `dataset` into the new folder `out`, in this process.

    `checkpoints`: a folder that it goes on from, and leaves behind; without one it starts anew. `notes` join the
    run's card. Raises `BadDataset`,
    `ModelNotFound`, `TrainingRefused` for want of room, `TrainingStopped` when `watch` wants it, or `TrainingFailed`.
    """
    examples = read_examples(dataset)
    if out.exists():
        raise TrainingFailed(_("The folder %(out)s exists already.") % {"out": out})
    base = base_model_path(str(settings.AION_LORA_BASE))
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        kept = private_folder(checkpoints or aside / "checkpoints")
        card = _fit(examples, base, aside, profile, watch, kept)
        card |= {
            "dataset": dataset.name,
            "dataset_sha256": file_sha256(dataset),
            "profile": asdict(profile),
            **(notes or {}),
        }
        (aside / "aion.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
        shutil.rmtree(aside / "checkpoints", ignore_errors=True)
        aside.chmod(0o755)
        aside.rename(out)
    except OSError as exc:
        raise TrainingFailed(_("The adapter could not be written: %(error)s") % {"error": exc}) from exc
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return TrainedAdapter(out, card)


def machine_profile(asked: Mapping[str, Any]) -> TrainingProfile:
    """What suits this machine, with what was asked instead. Raises `TrainingRefused`."""
    from inference.backends.model_loading import choose_device  # torch

    return profile_for(choose_device(), asked)


def _fit(
    examples: list[Example], base: Path, folder: Path, profile: TrainingProfile, watch: Watch, checkpoints: Path
) -> dict[str, Any]:
    from inference.sft import fit  # torch, peft and trl, needed only here

    digest = base_sha256(base)
    outcome: Fit = fit(examples, base, folder, profile, watch, checkpoints)
    return {
        "base_model": settings.AION_LORA_BASE or base.name,
        "base_sha256": digest,
        "examples": outcome.examples,
        "examples_too_long": outcome.too_long,
        "steps": outcome.steps,
        "loss": round(outcome.loss, 4),
        "seconds": round(outcome.seconds, 1),
        "tokens": outcome.tokens,
        "tokens_per_second": round(outcome.tokens / outcome.seconds, 1),
        "curve": outcome.curve,
        "machine": outcome.machine,
        "code": settings.SPECTACULAR_SETTINGS["VERSION"],
        "libraries": outcome.libraries,
    }
