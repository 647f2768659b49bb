"""Celery's doors into this room: ids in, one domain function each."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from celery import shared_task
from celery.signals import worker_ready
from celery.utils.log import get_task_logger
from django.utils import timezone

from retrieval import building, refreshing, restoring, uploads, versions
from retrieval.crawling import visiting
from retrieval.crawling.sites import due_sites
from retrieval.exceptions import EmbeddingFailed, GenerationRefused, VersionRefused
from retrieval.models import EmbeddingGeneration

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


@shared_task(name="retrieval.tasks.build_generation")
def build_generation(generation_id: int) -> None:
    """Embed everything anew, aside; what stops it is said in its row and goes on by button."""
    try:
        building.build(generation_id)
    except (GenerationRefused, EmbeddingFailed) as exc:
        logger.warning("generation %s is not built further: %s", generation_id, exc)


@worker_ready.connect
def take_up_building(**about: Any) -> None:
    """What the last stop or crash interrupted; a failure waits for somebody to look."""
    unfinished = EmbeddingGeneration.objects.filter(state=EmbeddingGeneration.State.BUILDING, error="")
    for generation_id in unfinished.values_list("pk", flat=True):
        build_generation.delay(generation_id)


@shared_task(name="retrieval.tasks.visit_sites", ignore_result=True)
def visit_sites() -> None:
    """Have every site visited that is due, or whose visit was cut short."""
    for site_id in due_sites(timezone.now()):
        visit_site.delay(site_id)


@shared_task(name="retrieval.tasks.visit_site", ignore_result=True, acks_late=True)
def visit_site(site_id: int, forced: bool = False) -> None:
    """Visit one site for a while, and go on later with what is left."""
    try:
        wait_s = visiting.visit(site_id, forced=forced)
    except visiting.SiteBusy:
        return  # another worker is at it
    if wait_s is not None:
        visit_site.apply_async((site_id,), countdown=wait_s)
