"""Celery's doors into this room: ids in, one domain function each."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from celery.utils.log import get_task_logger
from django.utils import timezone

from retrieval import refreshing, restoring, uploads, versions
from retrieval.exceptions import VersionRefused

logger = get_task_logger(__name__)


@shared_task(name="retrieval.tasks.run_ingest_job", ignore_result=True, acks_late=True)
def run_ingest_job(job_id: str) -> None:
    """Ingest one uploaded file."""
    uploads.run_ingest_job(UUID(job_id))


@shared_task(name="retrieval.tasks.refresh_folders", ignore_result=True)
def refresh_folders() -> None:
    """Have each watched folder read whose time has come."""
    for folder_id in refreshing.due_folders(timezone.now()):
        refresh_folder.delay(folder_id)


@shared_task(name="retrieval.tasks.refresh_folder", ignore_result=True, acks_late=True)
def refresh_folder(folder_id: int, accepted: int = 0) -> None:
    """Read one watched folder."""
    refreshing.refresh_folder(folder_id, accepted=accepted)


@shared_task(name="retrieval.tasks.restore_version", ignore_result=True, acks_late=True)
def restore_version(document_id: str, number: int) -> None:
    """Make a document's earlier version its newest; delivered again, it finds it so and leaves it."""
    try:
        restoring.restore_version(UUID(document_id), number)
    except VersionRefused as exc:
        logger.warning("version %s of %s was not restored: %s", number, document_id, exc)


@shared_task(name="retrieval.tasks.drop_old_versions", ignore_result=True)
def drop_old_versions() -> None:
    """Remove versions of documents that have been kept long enough."""
    versions.drop_old_versions(timezone.now())
