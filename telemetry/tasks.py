"""What workers and beat do for telemetry; each task calls one function and survives a second delivery."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task
from celery.utils.log import get_task_logger
from django.conf import settings
from django.utils import timezone

from telemetry import budgets, export_jobs, partitions
from telemetry.alarms import sending
from telemetry.exceptions import ExportFailed
from telemetry.rollups import keeping

logger = get_task_logger(__name__)


@shared_task
def nightly_export() -> None:
    """Export the last 30 days and rewrite the rolling file."""
    try:
        export_jobs.export_now(tenant=settings.PRIMARY_TENANT_ID)
    except ExportFailed as exc:
        logger.error("the nightly export failed: %s", exc)


@shared_task
def run_export(job_id: str) -> None:
    """The export that somebody asked for in the panel."""
    try:
        export_jobs.run_requested(UUID(job_id))
    except ExportFailed as exc:
        logger.error("export %s failed: %s", job_id, exc)


@shared_task
def expire_reservations() -> None:
    """Charge reservations that nobody settled in time at their maximum."""
    expired = budgets.expire_reservations(timezone.now())
    if expired:
        logger.warning("%d reservations expired and were charged at their maximum", expired)


@shared_task
def ensure_partitions() -> None:
    """Make the coming months' partitions of the events."""
    partitions.ensure_partitions()


@shared_task
def keep_rollups() -> None:
    """Count anew the hours and days in which something changed."""
    keeping.keep()


@shared_task
def send_alarms() -> None:
    """Send the notices of alarms whose time has come."""
    sending.send_due()
