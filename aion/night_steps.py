"""The real steps of a night: each calls one function of the room whose work it is."""

from __future__ import annotations

import time
from datetime import datetime
from importlib import import_module
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aion.autopilot import Examined, Made, Steps, Trained, gather_facts
from aion.loop.learning import is_clean
from chat import nightly
from inference.erasure import taint
from telemetry.export_jobs import export_now

LOOK_EVERY_S = 5.0
UNFINISHED = ("queued", "running")


class StepRefused(Exception):
    """A room did not bring its step to an end; the message is for people."""


def export(now: datetime) -> str:
    result = export_now(tenant=settings.PRIMARY_TENANT_ID)
    return _rows(result.rows)


def build(now: datetime) -> Made:
    built = import_module("chat.lessons").build(now)
    return Made(built.training_set_id, _rows(built.rows))


def request(training_set_id: UUID) -> int:
    sets = import_module("telemetry.models").TrainingSet.objects
    dataset = Path(sets.get(pk=training_set_id).path) / "data.jsonl"
    run = import_module("inference.training_jobs").request_training(dataset, training_set_id=training_set_id)
    return int(run.pk)


def train(run_id: int) -> Trained:
    """Here, or wait where a worker took it first."""
    run = import_module("inference.training_jobs").run_training(run_id)
    while run.state in UNFINISHED:
        time.sleep(LOOK_EVERY_S)
        run.refresh_from_db()
    if run.adapter_id is None:
        raise StepRefused(run.error or _("The training was stopped."))
    if not is_clean(run.training_set_id):
        taint([run.adapter_id], reason="erasure")
        raise StepRefused(_("Someone's data was erased meanwhile; the next night trains without it."))
    return Trained(run.adapter_id, str(run.adapter))


def examine(adapter_id: int, night_id: UUID) -> Examined:
    examination = import_module("chat.examination").examine(adapter_id, night_id=night_id)
    if examination.promote is None:
        raise StepRefused(_("The examination came to no verdict."))
    said = _("better; promoted") if examination.promote else _("not better; not promoted")
    return Examined(examination.pk, examination.promote, said)


def promote(examination_id: int) -> str:
    import_module("inference.promotion").promote(examination_id, reason="autopilot")
    return _("It serves.")


def refit(now: datetime) -> str:
    return nightly.refit_confidence(now).said


def _rows(count: int) -> str:
    return ngettext("%(count)d row", "%(count)d rows", count) % {"count": count}


REAL_STEPS = Steps(
    export=export,
    gather=gather_facts,
    is_clean=is_clean,
    build=build,
    request=request,
    train=train,
    examine=examine,
    promote=promote,
    refit=refit,
)
