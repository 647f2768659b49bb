"""What workers do for the model: trainings, on a queue of their own."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down

from inference import training_jobs
from inference.models import TrainingRun


@shared_task
def train(run_id: int) -> None:
    """The training that was asked for; nothing if it is gone, has ended, or runs already."""
    if TrainingRun.objects.filter(pk=run_id).exists():
        training_jobs.run_training(run_id, wait=False)


@worker_ready.connect
def take_up_again(**about: Any) -> None:
    """What the last stop or crash interrupted."""
    training_jobs.resume_interrupted()


@worker_shutting_down.connect
def let_go(**about: Any) -> None:
    training_jobs.interrupt_children()
