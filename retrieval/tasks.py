"""Celery's doors into this room: ids in, one domain function each."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from retrieval import uploads
from retrieval.crawling import visiting
from retrieval.crawling.sites import due_sites


@shared_task(name="retrieval.tasks.run_ingest_job", ignore_result=True, acks_late=True)
def run_ingest_job(job_id: str) -> None:
    """Ingest one uploaded file."""
    uploads.run_ingest_job(UUID(job_id))


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
