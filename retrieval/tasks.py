"""Celery's doors into this room: ids in, one domain function each."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready

from retrieval import building, uploads
from retrieval.exceptions import EmbeddingFailed, GenerationRefused
from retrieval.models import EmbeddingGeneration

log = logging.getLogger(__name__)


@shared_task(name="retrieval.tasks.run_ingest_job", ignore_result=True, acks_late=True)
def run_ingest_job(job_id: str) -> None:
    """Ingest one uploaded file."""
    uploads.run_ingest_job(UUID(job_id))


@shared_task(name="retrieval.tasks.build_generation")
def build_generation(generation_id: int) -> None:
    """Embed everything anew, aside; what stops it is said in its row and goes on by button."""
    try:
        building.build(generation_id)
    except (GenerationRefused, EmbeddingFailed) as exc:
        log.warning("generation %s is not built further: %s", generation_id, exc)


@worker_ready.connect
def take_up_building(**about: Any) -> None:
    """What the last stop or crash interrupted; a failure waits for somebody to look."""
    unfinished = EmbeddingGeneration.objects.filter(state=EmbeddingGeneration.State.BUILDING, error="")
    for generation_id in unfinished.values_list("pk", flat=True):
        build_generation.delay(generation_id)
