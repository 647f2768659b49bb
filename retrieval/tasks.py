"""Celery's doors into this room: ids in, one domain function each."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from retrieval import uploads


@shared_task(name="retrieval.tasks.run_ingest_job", ignore_result=True, acks_late=True)
def run_ingest_job(job_id: str) -> None:
    """Ingest one uploaded file."""
    uploads.run_ingest_job(UUID(job_id))
