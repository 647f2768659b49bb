"""Training runs: profile, result folder, rows. The training itself is `inference.sft`, imported late."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.adapters import register
from inference.base_models import base_model_path, base_sha256, file_sha256
from inference.exceptions import InferenceError
from inference.models import Adapter, TrainingRun
from inference.training_data import Example, read_examples

Progress = Callable[[str], None]


class TrainingFailed(InferenceError):
    """The training did not end with an adapter; the message says why."""


@dataclass(frozen=True, slots=True)
class TrainingProfile:
    """Hyper-parameters. The defaults made the shipped adapter; `max_length` counts tokens of prompt and answer."""

    epochs: float = 1.0
    lr: float = 5e-4
    rank: int = 16
    batch_size: int = 4
    max_length: int = 1024
    seed: int = 17


@dataclass(frozen=True, slots=True)
class TrainedAdapter:
    """The result: a folder that `inference.adapters.register` accepts, and what the run card says."""

    folder: Path
    card: dict[str, Any]


def train(
    dataset: Path, out: Path, profile: TrainingProfile, *, progress: Progress = lambda line: None
) -> TrainedAdapter:
    """Train a LoRA adapter on `dataset` into the new folder `out`, in this process.

    Raises `BadDataset`, `ModelNotFound`, or `TrainingFailed` where `out` is taken or the model diverges.
    """
    examples = read_examples(dataset)
    if out.exists():
        raise TrainingFailed(_("The folder %(out)s exists already.") % {"out": out})
    base = base_model_path(str(settings.AION_LORA_BASE))
    out.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        card = _fit(examples, base, aside, profile, progress)
        card |= {"dataset": dataset.name, "dataset_sha256": file_sha256(dataset), "profile": asdict(profile)}
        (aside / "aion.json").write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n")
        aside.chmod(0o755)
        aside.rename(out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return TrainedAdapter(out, card)


def train_candidate(
    dataset: Path, out: Path, profile: TrainingProfile, *, progress: Progress = lambda line: None
) -> tuple[TrainedAdapter, Adapter]:
    """Train as `train` does, keep the run for the panel, and register the result as a candidate. Raises as both do."""
    run = TrainingRun.objects.create(dataset=str(dataset), out=str(out), profile=asdict(profile))
    run.state, run.error = TrainingRun.State.FAILED, _("It was stopped.")
    try:
        trained = train(dataset, out, profile, progress=progress)
        run.adapter = _register(trained)
        run.dataset_sha256, run.metrics = trained.card["dataset_sha256"], trained.card
        run.state, run.error = TrainingRun.State.DONE, ""
    except InferenceError as exc:
        run.error = str(exc)
        raise
    finally:
        run.finished_at = timezone.now()
        run.save()
    return trained, run.adapter


def _register(trained: TrainedAdapter) -> Adapter:
    name = f"{trained.folder.parent.name}-{trained.folder.name}"
    adapter = register(trained.folder, name=name, origin=Adapter.Origin.TRAINED)
    Adapter.objects.filter(pk=adapter.pk).update(metrics=trained.card)
    return adapter


def _fit(
    examples: list[Example], base: Path, folder: Path, profile: TrainingProfile, progress: Progress
) -> dict[str, Any]:
    from inference.sft import fit  # torch, peft and trl, needed only here

    outcome = fit(examples, base, folder, profile, progress)
    if not outcome.is_finite:
        raise TrainingFailed(_("The training diverged; try a lower learning rate."))
    return {
        "base_model": settings.AION_LORA_BASE or base.name,
        "base_sha256": base_sha256(base),
        "examples": outcome.examples,
        "examples_too_long": outcome.too_long,
        "steps": outcome.steps,
        "loss": round(outcome.loss, 4),
        "seconds": round(outcome.seconds, 1),
        "tokens_per_second": round(outcome.tokens / outcome.seconds, 1),
        "libraries": outcome.libraries,
    }
