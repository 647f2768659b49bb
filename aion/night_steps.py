"""The real steps of a night: each calls one function of the room whose work it is."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from aion.autopilot import Examined, Made, Steps, Trained, gather_facts
from aion.erasure import mark_latecomers
from aion.loop.learning import is_clean
from chat import examination, lessons, nightly
from inference import examinations, promotion, training_jobs
from inference.models import Examination, TrainingRun
from inference.verdict_words import reasons_in_words
from telemetry import loop_settings
from telemetry.export_jobs import export_now
from telemetry.models import TrainingSet
from telemetry.training_sets import DATA

LOOK_EVERY_S = 5.0


class StepRefused(Exception):
    """A room did not bring its step to an end; the message is for people."""


def export(now: datetime) -> str:
    result = export_now(tenant=settings.PRIMARY_TENANT_ID)
    return _rows(result.rows)


def build(now: datetime) -> Made:
    """Raises `StepRefused` where there is nothing to train on."""
    built = lessons.build(now)
    if not built.rows:
        raise StepRefused(
            _("Nothing that was reviewed can be taught; “Training sets” says what was left out, and why.")
        )
    return Made(built.training_set_id, _rows(built.rows))


def request(training_set_id: UUID) -> int:
    dataset = Path(TrainingSet.objects.get(pk=training_set_id).path) / DATA
    profile = loop_settings.current().profile
    return training_jobs.request_training(dataset, training_set_id=training_set_id, profile=profile).pk


def train(run_id: int) -> Trained:
    """Here, or wait where a worker took it first; again where its process ended without an end."""
    run = training_jobs.run_training(run_id)
    while run.state in TrainingRun.UNFINISHED:
        time.sleep(LOOK_EVERY_S)
        run = training_jobs.run_training(run_id)
    if run.adapter_id is None:
        raise StepRefused(run.error or _("The training was stopped."))
    if not is_clean(run.training_set_id):
        mark_latecomers()
        raise StepRefused(_("Someone's data was erased meanwhile; the next night trains without it."))
    return Trained(run.adapter_id, str(run.adapter))


def examine(adapter_id: int, night_id: UUID) -> Examined:
    """After whatever examination is at work."""
    while examinations.is_running():
        time.sleep(LOOK_EVERY_S)
    row = _examined(adapter_id) or examination.examine(adapter_id, night_id=night_id)
    if row.promote is None:
        raise StepRefused(_("The examination came to no verdict."))
    return Examined(row.pk, row.promote, " ".join(reasons_in_words(row.reasons)))


def _examined(adapter_id: int) -> Examination | None:
    """By a night that was cut short after it, if who serves is still the one of then, or is this adapter by now."""
    nights = Examination.objects.filter(candidate_id=adapter_id, night_id__isnull=False)
    last = nights.filter(state=Examination.State.DONE).first()
    return last if last is not None and examinations.who_serves() in (last.champion, last.candidate) else None


def promote(examination_id: int) -> str:
    """No swap more where it was done before the night was cut short."""
    row = Examination.objects.get(pk=examination_id)
    if examinations.who_serves() != row.candidate:
        promotion.promote(examination_id)
    elif row.promoted_at is None:
        promotion.note_promoted(row)
    return _("It serves.")


def refit(now: datetime) -> str:
    """Both probabilities: the first on what is found, the second on what is answered."""
    return " ".join(refit(now).said for refit in (nightly.refit_confidence, nightly.refit_correctness))


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
