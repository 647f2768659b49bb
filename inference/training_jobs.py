"""Trainings asked for by a person or the night: queued, run in a process of their own, stopped, taken up again.

Who trains is said by a lock that the training process holds (`training_lock`); the row says how far it is. A row that
runs without a process was interrupted: the next start, or whoever asks, takes it up from its last checkpoint.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from inference.base_models import base_model_path, base_sha256, file_sha256
from inference.checkpoints import remove_checkpoints
from inference.exceptions import TrainingRefused
from inference.models import HEARTBEAT_S, TrainingRun
from inference.training_data import read_examples
from inference.training_lock import is_training_here, this_machine_name
from inference.training_profile import PROFILES, TrainingProfile, profile_for

if TYPE_CHECKING:
    from django.contrib.auth.models import User

logger = logging.getLogger(__name__)

State = TrainingRun.State
MOST_FRUITLESS_STARTS = 3
_CRASHES = (-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGBUS, -signal.SIGILL)  # for want of memory, mostly
_children: set[subprocess.Popen[bytes]] = set()  # of this process, so that its end ends them
_ending = threading.Event()  # this process is to end, and starts none any more


def request_training(
    dataset: Path,
    *,
    training_set_id: UUID | None = None,
    profile: Mapping[str, Any] | TrainingProfile | None = None,
    by: User | None = None,
) -> TrainingRun:
    """Ask a worker for a training and return its row, queued. What `profile` leaves out is the machine's choice.

    Raises `BadDataset`, or `TrainingRefused` while another one is queued or runs.
    """
    asked = asdict(profile) if isinstance(profile, TrainingProfile) else dict(profile or {})
    profile_for("cpu", {"name": next(iter(PROFILES)), **asked})  # is there anything in it that cannot be?
    run = create_run(dataset, profile=asked, training_set_id=training_set_id, requested_by=by)
    _enqueue(run)
    return run


def open_training(*, profile: Mapping[str, Any], by: User | None = None) -> TrainingRun:
    """A row whose dataset is still to be made, so that everybody sees it come; `give_dataset` or `give_up_preparing`
    follows. Raises `TrainingRefused` while another one is queued or runs."""
    profile_for("cpu", {"name": next(iter(PROFILES)), **profile})
    settle_interrupted()
    try:
        with transaction.atomic():
            return TrainingRun.objects.create(
                state=State.PREPARING, profile=dict(profile), requested_by=by, out=str(new_folder())
            )
    except IntegrityError as exc:
        raise _busy() from exc


def give_dataset(run_id: int, dataset: Path, *, training_set_id: UUID) -> None:
    """What an opened training learns from; a worker is asked. Nothing where it was stopped, or given one, meanwhile.

    Raises `BadDataset`.
    """
    read_examples(dataset)
    given = {"dataset": str(dataset.resolve()), "dataset_sha256": file_sha256(dataset)}
    opened = TrainingRun.objects.filter(pk=run_id, state=State.PREPARING)
    if opened.update(state=State.QUEUED, training_set_id=training_set_id, **given):
        _enqueue(TrainingRun.objects.get(pk=run_id))


def give_up_preparing(run_id: int, error: str) -> None:
    """An opened training got no dataset; `error` says to people why."""
    opened = TrainingRun.objects.filter(pk=run_id, state=State.PREPARING)
    opened.update(state=State.FAILED, error=error, finished_at=timezone.now())


def create_run(dataset: Path, **values: Any) -> TrainingRun:
    """A row, queued; nobody is told. Raises `BadDataset`, or `TrainingRefused` while another is queued or runs."""
    read_examples(dataset)
    settle_interrupted()
    values.setdefault("out", str(new_folder()))
    try:
        with transaction.atomic():
            return TrainingRun.objects.create(
                dataset=str(dataset.resolve()), dataset_sha256=file_sha256(dataset), **values
            )
    except IntegrityError as exc:
        raise _busy() from exc


def run_training(run_id: int, *, wait: bool = True) -> TrainingRun:
    """Run it to its end in a process of its own and return its row; again for a run that ended: the row alone.

    Where another process runs it already, `wait` until that one ends. Raises `TrainingRun.DoesNotExist`.
    """
    run = TrainingRun.objects.get(pk=run_id)
    crashed = True
    while crashed and not _ending.is_set() and run.state in (State.QUEUED, State.RUNNING) and not _has_process(run):
        if run.fruitless >= MOST_FRUITLESS_STARTS:
            _give_up(run)
        else:
            crashed = _run_child(run_id) in _CRASHES
        run.refresh_from_db()
    while wait and _has_process(run):
        connection.close()
        time.sleep(HEARTBEAT_S)
        run.refresh_from_db()
    return run


def new_folder() -> Path:
    """Where a training's adapter comes to be."""
    return Path(settings.AION_TRAIN_ROOT) / "runs" / f"{timezone.now():%Y%m%d-%H%M%S-%f}" / "adapter"


def stop_training(run_id: int) -> None:
    """Ask a training to stop after the step it is at, with a checkpoint. Raises `TrainingRefused` if none runs."""
    rows = TrainingRun.objects.filter(pk=run_id)
    run = rows.filter(state__in=TrainingRun.UNFINISHED).first()
    if run is None:
        raise TrainingRefused(_("This training is not running."))
    if _has_process(run):
        rows.update(stop_requested=True)
    else:
        rows.filter(state=run.state).update(state=State.STOPPED, finished_at=timezone.now())


def resume_training(run_id: int) -> TrainingRun:
    """Take a stopped or interrupted training up again, from its last checkpoint; its row, queued.

    Raises `TrainingRefused` where there is nothing to take up, another one runs, or what it learns from has changed.
    """
    run = requeue(run_id)
    _enqueue(run)
    return run


def requeue(run_id: int) -> TrainingRun:
    """As `resume_training`, but nobody is told."""
    settle_interrupted()
    run = TrainingRun.objects.filter(pk=run_id).first()
    if run is None or run.state not in (State.STOPPED, State.QUEUED):
        raise TrainingRefused(_("Only a training that was stopped or interrupted can be resumed."))
    refuse_changed(run)
    try:
        with transaction.atomic():
            TrainingRun.objects.filter(pk=run_id).update(
                state=State.QUEUED, stop_requested=False, error="", finished_at=None, fruitless=0
            )
    except IntegrityError as exc:
        raise _busy() from exc
    run.refresh_from_db()
    return run


def refuse_changed(run: TrainingRun) -> None:
    """Raise `TrainingRefused` if dataset or base model are no longer what the run began with."""
    dataset = Path(run.dataset)
    if not dataset.is_file() or file_sha256(dataset) != run.dataset_sha256:
        raise TrainingRefused(_("The dataset has changed or is gone since this training began. Start a new one."))
    if run.base_sha256 and base_sha256(base_model_path(str(settings.AION_LORA_BASE))) != run.base_sha256:
        raise TrainingRefused(_("The base model is another than when this training began. Start a new one."))


def settle_interrupted() -> None:
    """Queue what says that it runs and has no process; nobody is told."""
    for run in TrainingRun.objects.filter(state=State.RUNNING):
        if not _has_process(run):
            TrainingRun.objects.filter(pk=run.pk, state=State.RUNNING, process=run.process).update(state=State.QUEUED)


def resume_interrupted() -> None:
    """At a worker's start: whatever was queued or interrupted goes on. A run that is told of twice runs once."""
    settle_interrupted()
    for run in TrainingRun.objects.filter(state=State.QUEUED):
        _enqueue(run)


def interrupt_children() -> None:
    """Let the trainings of this process write a checkpoint and end; the next start takes them up again."""
    _ending.set()
    for child in list(_children):
        child.send_signal(signal.SIGTERM)


def _run_child(run_id: int) -> int:
    """The exit status of the training's own process."""
    connection.close()  # for hours nobody needs it
    command = (sys.executable, str(settings.BASE_DIR / "manage.py"), "train_adapter", "--run", str(run_id))
    child = subprocess.Popen(command, cwd=settings.BASE_DIR, stdin=subprocess.DEVNULL)
    _children.add(child)
    try:
        status = child.wait()
    finally:
        _children.discard(child)
    logger.info("the process of training %d ended with %d", run_id, status)
    return status


def _has_process(run: TrainingRun) -> bool:
    """The lock tells of this machine exactly, the heartbeat of others."""
    if run.state != State.RUNNING:
        return False
    if run.process.partition(":")[0] == this_machine_name():
        return is_training_here()
    return not run.is_interrupted


def _give_up(run: TrainingRun) -> None:
    error = _("The training ended %(times)d times without getting further; the worker's log says more.")
    TrainingRun.objects.filter(pk=run.pk).update(
        state=State.FAILED, error=error % {"times": run.fruitless}, finished_at=timezone.now()
    )
    remove_checkpoints(run.pk)


def _enqueue(run: TrainingRun) -> None:
    from inference.tasks import train  # tasks import this module

    # Without a broker the run waits for the next start of a worker, or for the night, which runs it itself.
    transaction.on_commit(lambda: train.delay(run.pk), robust=True)  # Django names no partial in its log


def _busy() -> TrainingRefused:
    return TrainingRefused(_("A training is queued or runs already; wait until it is done or stop it."))
