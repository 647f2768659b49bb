"""Background work of the room: takes ids, delegates."""

from __future__ import annotations

from celery import shared_task

from inference import training


@shared_task(name="inference.tasks.train_run")
def train_run(run_id: int) -> None:
    """Carry out a queued training run."""
    training.carry_out(run_id)
