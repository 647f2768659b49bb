"""Training runs: profile, result folder, rows. The training itself is `inference.sft`, imported late."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.adapters import register
from inference.base_models import base_model_path, base_sha256, file_sha256
from inference.exceptions import InferenceError
from inference.models import Adapter, TrainingRun
from inference.training_data import Example, read_examples

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NICENESS = 10
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


def register_trained(trained: TrainedAdapter, *, by: User | None = None) -> Adapter:
    """The adapter of a run as a candidate in the registry."""
    name = f"{trained.folder.parent.name}-{trained.folder.name}"
    adapter = register(trained.folder, name=name, origin=Adapter.Origin.TRAINED, by=by)
    Adapter.objects.filter(pk=adapter.pk).update(metrics=trained.card)
    return adapter


def start_run(dataset: Path, profile: TrainingProfile, *, by: User | None = None) -> TrainingRun:
    """A queued run; `inference.tasks.train_run` carries it out."""
    return TrainingRun.objects.create(
        dataset=str(dataset), dataset_sha256=file_sha256(dataset), profile=asdict(profile), requested_by=by
    )


def carry_out(run_id: int) -> None:
    """Train the queued run `run_id` as a niced process of its own. A second delivery or a missing row does nothing."""
    queued = TrainingRun.objects.filter(pk=run_id, state=TrainingRun.State.QUEUED)
    if not queued.update(state=TrainingRun.State.RUNNING, started_at=timezone.now()):
        return
    run = TrainingRun.objects.get(pk=run_id)
    out = Path(settings.AION_TRAIN_ROOT) / "runs" / f"run-{run.pk}" / "adapter"
    command = [sys.executable, "manage.py", "train_adapter", run.dataset, "--out", str(out), "--json", "--no-register"]
    for name, value in run.profile.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    finished = subprocess.run(
        command,
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: os.nice(NICENESS),
    )
    run.finished_at, run.out = timezone.now(), str(out)
    if finished.returncode:
        run.state, run.error = TrainingRun.State.FAILED, finished.stderr[-2000:]
    else:
        run.metrics = json.loads((out / "aion.json").read_text())
        run.adapter = register_trained(TrainedAdapter(out, run.metrics), by=run.requested_by)
        run.state = TrainingRun.State.DONE
    run.save()


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
