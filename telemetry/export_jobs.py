"""Exports asked for by button, schedule or command, each with a row that says what came of it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from telemetry.exceptions import ExportFailed
from telemetry.export import RECENT, ExportResult, export_dataset, write_rolling_jsonl
from telemetry.models import DatasetExport

State = DatasetExport.State


def request_export(
    *,
    tenant: str,
    requested_by: int | None,
    formats: Sequence[str] = ("messages",),
    since: datetime | None = None,
    until: datetime | None = None,
) -> DatasetExport:
    """Ask a worker for an export, by default of the last 30 days, and return its row, still queued."""
    from telemetry.tasks import run_export

    job = _queue(tenant, requested_by, formats, since, until)
    transaction.on_commit(functools.partial(run_export.delay, str(job.pk)))
    return job


def export_now(
    *,
    tenant: str,
    formats: Sequence[str] = ("messages",),
    since: datetime | None = None,
    until: datetime | None = None,
    target: Path | None = None,
    include_provider: bool = False,
) -> ExportResult:
    """Export here and now, and rewrite the rolling file. Raises ExportFailed, which the job's row keeps too."""
    job = _queue(tenant, None, formats, since, until)
    return _run(job, target or _folder_of(job), include_provider=include_provider)


def run_requested(job_id: UUID) -> None:
    """Do what `request_export` asked for; nothing if it is gone or done. A failure is in the row, and raised."""
    job = DatasetExport.objects.filter(pk=job_id, state__in=(State.QUEUED, State.RUNNING)).first()
    if job is not None:
        _run(job, _folder_of(job), include_provider=False)


def _queue(
    tenant: str, requested_by: int | None, formats: Sequence[str], since: datetime | None, until: datetime | None
) -> DatasetExport:
    until = until or timezone.now()
    return DatasetExport.objects.create(
        tenant=tenant, requested_by=requested_by, formats=list(formats), since=since or until - RECENT, until=until
    )


def _folder_of(job: DatasetExport) -> Path:
    moment = timezone.localtime(job.created_at)
    return settings.AION_TRAIN_ROOT / "datasets" / f"{moment:%Y-%m-%d-%H%M%S}-{job.pk.hex[-6:]}"


def _run(job: DatasetExport, target: Path, *, include_provider: bool) -> ExportResult:
    """A second delivery of the same job meets the export's lock, or the folder of the first."""
    DatasetExport.objects.filter(pk=job.pk).update(state=State.RUNNING)
    try:
        result = export_dataset(
            tenant=job.tenant,
            since=job.since,
            until=job.until,
            target=target,
            formats=job.formats,
            include_provider=include_provider,
        )
        write_rolling_jsonl(settings.AION_EVENTS_JSONL, job.tenant, include_provider=include_provider)
    except ExportFailed as exc:
        _finish(job, state=State.FAILED, error=str(exc))
        raise
    _finish(job, state=State.DONE, path=str(result.path), rows=result.rows, manifest=result.manifest, error="")
    return result


def _finish(job: DatasetExport, **outcome: object) -> None:
    DatasetExport.objects.filter(pk=job.pk).exclude(state=State.DONE).update(finished_at=timezone.now(), **outcome)
