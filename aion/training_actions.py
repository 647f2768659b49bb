"""What the panel's button "Train now" does: a training set of what people judged, and a training of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _

from aion.exceptions import ActionFailed
from chat.errors import problem_of
from chat.screens import Change
from inference.exceptions import InferenceError
from inference.models import TrainingRun
from inference.training_jobs import request_training
from retrieval.exceptions import RetrievalError
from telemetry import loop_settings
from telemetry.exceptions import ExportFailed
from telemetry.training_sets import DATA


def train_now(values: Mapping[str, Any], by: User) -> str:
    """Raises `ActionFailed`."""
    from chat.lessons import build  # heavy, and only needed here

    try:
        built = build(timezone.now())
        if not built.rows:
            raise ActionFailed(
                _("Nothing that was reviewed can be taught; “Training sets” says what was left out, and why.")
            )
        run = request_training(
            built.path / DATA,
            training_set_id=built.training_set_id,
            profile=loop_settings.current().profile,
            by=by,
        )
    except (InferenceError, ExportFailed) as exc:
        raise ActionFailed(str(exc)) from exc
    except RetrievalError as exc:
        raise ActionFailed(problem_of(exc).message) from exc
    return _("Training %(run)d was queued with %(rows)d examples. Its curve is under Training runs.") % {
        "run": run.pk,
        "rows": built.rows,
    }


def training_blocked() -> str:
    unfinished = TrainingRun.objects.filter(state__in=TrainingRun.UNFINISHED).first()
    if unfinished is None:
        return ""
    if unfinished.is_interrupted:
        return _("A training was interrupted. Resume it or stop it first, under Training runs.")
    return _("A training runs or waits already; wait until it is done or stop it, under Training runs.")


def training_changes(form: forms.Form) -> Sequence[Change]:
    return [(_("Adapter that serves"), _("as it is"), _("the same; the new one will be a candidate"))]
