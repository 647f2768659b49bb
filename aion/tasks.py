"""What workers and beat do for what spans rooms; each task calls one function and survives a second delivery."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready
from celery.utils.log import get_task_logger
from django.utils import timezone

from aion import alarm_facts, data_requests, erasure, retention, training_actions
from aion.autopilot import NightRefused, notice_interrupted, run_night
from aion.loop import watching
from inference.models import TrainingRun

logger = get_task_logger(__name__)


@shared_task
def autopilot(occasion: str = "", dry_run: bool = False) -> None:
    """One night; the schedule's own is known by its date."""
    now = timezone.now()
    try:
        night = run_night(now, dry_run=dry_run, occasion=occasion or timezone.localdate(now).isoformat())
    except NightRefused as exc:
        logger.warning("no night: %s", exc)
        return
    logger.info("the night %s: %s, %s", night.pk, night.decision, night.state)


@shared_task
def prepare_training(run_id: int) -> None:
    """Make what a training that was opened in the panel learns from."""
    training_actions.prepare(run_id)


@shared_task
def do_request(request_id: str) -> None:
    """A copy of a person's data, or its erasure, that was asked for in the panel."""
    data_requests.do(UUID(request_id))


@shared_task
def end_retention() -> None:
    """End what is past its period; delivered twice, the second finds nothing."""
    retention.end_all(timezone.now())


@worker_ready.connect
def take_up_requests(**about: Any) -> None:
    """What the last stop or crash interrupted; done twice, the second finds nothing."""
    for request_id in data_requests.unfinished():
        do_request.delay(str(request_id))


@worker_ready.connect
def take_up_preparing(**about: Any) -> None:
    """What the last stop or crash interrupted; prepared twice, the first set is taken."""
    for run in TrainingRun.objects.filter(state=TrainingRun.State.PREPARING):
        prepare_training.delay(run.pk)


@shared_task
def watch_adapter() -> None:
    """Compare what happens since the last promotion with what happened before, and notice nights that were killed and
    adapters that were trained while somebody was erased."""
    notice_interrupted()
    erasure.mark_latecomers()
    watching.look(timezone.now())


@shared_task
def watch_alarms() -> None:
    """Look at everything that may be wrong; open and close alarms."""
    alarm_facts.watch(timezone.now())
