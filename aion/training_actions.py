"""What the panel's button "Train now" does: a training that a worker gives what people judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from aion.exceptions import ActionFailed
from chat.errors import problem_of
from chat.screens import Change
from inference import training_jobs
from inference.exceptions import InferenceError, TrainingRefused
from inference.models import TrainingRun
from telemetry import loop_settings
from telemetry.exceptions import ExportFailed
from telemetry.training_sets import DATA


def train_now(values: Mapping[str, Any], by: User) -> str:
    """Raises `ActionFailed`."""
    from aion.tasks import prepare_training

    try:
        run = training_jobs.open_training(profile=loop_settings.current().profile, by=by)
    except TrainingRefused as exc:
        raise ActionFailed(str(exc)) from exc
    transaction.on_commit(lambda: prepare_training.delay(run.pk), robust=True)  # else a worker's start prepares it
    return _(
        "Training %(run)d is being prepared: what people judged becomes its training set. Training runs shows how far "
        "it is."
    ) % {"run": run.pk}


def prepare(run_id: int) -> None:
    """Give an opened training its training set; what fails is said in its row. Nothing for a run that has one."""
    from chat.lessons import build  # heavy, and only needed here

    if not TrainingRun.objects.filter(pk=run_id, state=TrainingRun.State.PREPARING).exists():
        return
    try:
        built = build(timezone.now())
        if built.rows:
            training_jobs.give_dataset(run_id, built.path / DATA, training_set_id=built.training_set_id)
            return
        error = _("Nothing that was reviewed can be taught; “Training sets” says what was left out, and why.")
    except (InferenceError, ExportFailed) as exc:
        error = str(exc)
    except Exception as exc:  # noqa: BLE001 - logged there, and said in the row
        error = problem_of(exc).message
    training_jobs.give_up_preparing(run_id, error)


def training_blocked() -> str:
    unfinished = TrainingRun.objects.filter(state__in=TrainingRun.UNFINISHED).first()
    if unfinished is None:
        return ""
    if unfinished.is_interrupted:
        return _("A training was interrupted. Resume it or stop it first, under Training runs.")
    return _("A training runs or waits already; wait until it is done or stop it, under Training runs.")


def training_changes(form: forms.Form) -> Sequence[Change]:
    return [(_("Adapter that serves"), _("as it is"), _("the same; the new one will be a candidate"))]
