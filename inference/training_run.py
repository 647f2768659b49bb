"""A run's training in this very process: its row is claimed, kept up to date while it trains, and closed."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _
from opentelemetry import trace

from inference.adapter_folder import inspect_adapter
from inference.adapters import register
from inference.base_models import base_model_path, base_sha256
from inference.checkpoints import checkpoints_folder, newest_whole, private_folder, remove_checkpoints
from inference.exceptions import InferenceError, TrainingRefused, TrainingStopped
from inference.models import Adapter, TrainingRun
from inference.training import TrainedAdapter, machine_profile, train
from inference.training_beat import Beat
from inference.training_jobs import refuse_changed
from inference.training_lock import this_machine_name, training_lock
from inference.training_watch import Lines

State = TrainingRun.State
_tracer = trace.get_tracer("aion.inference")


def perform(run_id: int, lines: Lines) -> tuple[TrainedAdapter, Adapter]:
    """Train, register the adapter as a candidate, and close the run. A run that was begun goes on.

    Raises `TrainingStopped` (the row then says whether somebody wanted it), `TrainingRefused` while another training
    runs, with the row as it was, or another `InferenceError`, which closes the run as failed.
    """
    with training_lock():
        run = _claimed(run_id)
        beat = Beat(run_id, lines)
        try:
            with beat.beating(), _tracer.start_as_current_span("training", attributes={"aion.training.run": run.pk}):
                trained = _trained(run, beat)
                adapter = _registered(trained)
        except TrainingStopped:
            _stopped(run_id, wanted=not beat.was_terminated)
            raise
        except DatabaseError:
            raise  # interrupted: the next start goes on
        except InferenceError as exc:
            _failed(run_id, str(exc))
            raise
        except Exception:
            _failed(run_id, _("The training ended by an unexpected error; the log says more."))
            raise
        card = trained.card
        _close(run_id, state=State.DONE, error="", adapter=adapter, metrics=card, curve=card["curve"])
        remove_checkpoints(run_id)
    return trained, adapter


def _claimed(run_id: int) -> TrainingRun:
    """The row, running, with the whole profile and what it learns from."""
    run = TrainingRun.objects.filter(pk=run_id, state__in=(State.QUEUED, State.RUNNING)).first()
    if run is None:
        raise TrainingRefused(_("This training is not waiting to be run."))
    begun = bool(run.process)
    try:
        refuse_changed(run)
        base = base_model_path(str(settings.AION_LORA_BASE))
        profile = machine_profile(run.profile)
        earlier = newest_whole(private_folder(checkpoints_folder(run.pk)))
    except InferenceError as exc:
        _close(run_id, state=State.STOPPED if begun else State.FAILED, error=str(exc))
        raise
    step = earlier.step if earlier else 0
    run.fruitless = run.fruitless + 1 if step <= run.begun_at_step else 1
    run.state, run.process, run.heartbeat_at = State.RUNNING, f"{this_machine_name()}:{os.getpid()}", timezone.now()
    run.base_sha256, run.profile = base_sha256(base), asdict(profile)
    run.resumed, run.begun_at_step = run.resumed + begun, step
    run.save()
    return run


def _trained(run: TrainingRun, beat: Beat) -> TrainedAdapter:
    out = Path(run.out)
    if run.resumed and out.is_dir():  # it ended between the adapter and its row
        card = dict(inspect_adapter(out).card)
        if card.get("run") == run.pk:
            return TrainedAdapter(out, card)
    return train(
        Path(run.dataset),
        out,
        machine_profile(run.profile),
        watch=beat,
        checkpoints=checkpoints_folder(run.pk),
        notes={
            "run": run.pk,
            "training_set": str(run.training_set_id or ""),
            "resumed": run.resumed,
            "resumed_at_step": run.begun_at_step,
        },
    )


def _registered(trained: TrainedAdapter) -> Adapter:
    name = f"{trained.folder.parent.name}-{trained.folder.name}"
    adapter = register(trained.folder, name=name, origin=Adapter.Origin.TRAINED)
    Adapter.objects.filter(pk=adapter.pk).update(metrics=trained.card)
    return adapter


def _stopped(run_id: int, *, wanted: bool) -> None:
    if wanted:
        _close(run_id, state=State.STOPPED)
    else:
        TrainingRun.objects.filter(pk=run_id).update(heartbeat_at=None)


def _failed(run_id: int, error: str) -> None:
    _close(run_id, state=State.FAILED, error=error)
    remove_checkpoints(run_id)
    _remove_empty(Path(TrainingRun.objects.values_list("out", flat=True).get(pk=run_id)).parent)


def _close(run_id: int, **outcome: Any) -> None:
    TrainingRun.objects.filter(pk=run_id).update(
        finished_at=timezone.now(), stop_requested=False, heartbeat_at=None, **outcome
    )


def _remove_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # it holds something else, or never was
