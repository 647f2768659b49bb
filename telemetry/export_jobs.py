"""Exports asked for by button, schedule or command, each with a row that says what came of it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from telemetry import provenance
from telemetry.exceptions import ExportFailed, ExportRunning
from telemetry.export import RECENT, ExportResult, Selection, export_dataset, write_rolling_jsonl
from telemetry.locks import exporting_alone
from telemetry.models import DatasetExport

State = DatasetExport.State
OF_THIS_MOMENT = timedelta(minutes=1)  # between a window's end and the asking for it


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


def rewrite_rolling_file(tenant: str) -> int:
    """Rewrite the kept file alone, so that what was erased since is gone from it too; return how many lines it has.

    Raises ExportFailed; ExportRunning while an export is at work, which may hold answers of before.
    """
    with exporting_alone(tenant):
        return write_rolling_jsonl(settings.AION_EVENTS_JSONL, tenant)


def settle_interrupted(tenant: str) -> int:
    """Say of each export whose process died that it failed; return of how many. Costs one query where none runs."""
    running = DatasetExport.objects.filter(tenant=tenant, state=State.RUNNING)
    if not running.exists():
        return 0
    try:
        with exporting_alone(tenant):
            return _settle(tenant)
    except ExportRunning:
        return 0


def _settle(tenant: str) -> int:
    """For who holds the lock: whatever else says that it runs does not."""
    running = DatasetExport.objects.filter(tenant=tenant, state=State.RUNNING)
    why = _(
        "It was interrupted before its end, by a restart or for lack of memory. Nothing of it is kept; export again."
    )
    return running.update(state=State.FAILED, error=why, finished_at=timezone.now())


def _run(job: DatasetExport, target: Path, *, include_provider: bool) -> ExportResult:
    """A second delivery of the same job meets the export's lock, or the folder of the first."""
    try:
        with exporting_alone(job.tenant):
            _settle(job.tenant)  # this one too, if an earlier delivery died: it runs from here
            # The folder is known before it is there: whoever is erased after a crash is erased from it too.
            running = {"state": State.RUNNING, "path": str(target), "error": "", "finished_at": None}
            DatasetExport.objects.filter(pk=job.pk).update(**running)
            result = _write(job, target, include_provider=include_provider)
            _finish(job, state=State.DONE, path=str(result.path), rows=result.rows, manifest=result.manifest, error="")
    except ExportRunning as exc:  # perhaps of this very job, delivered twice: then it is no longer queued
        DatasetExport.objects.filter(pk=job.pk, state=State.QUEUED).update(
            state=State.FAILED, error=str(exc), finished_at=timezone.now()
        )
        raise
    except ExportFailed as exc:
        _finish(job, state=State.FAILED, path="", error=str(exc))
        raise
    return result


def _write(job: DatasetExport, target: Path, *, include_provider: bool) -> ExportResult:
    """The dataset, and the rolling file: in one reading where the job's window holds all of its days."""
    rolling = settings.AION_EVENTS_JSONL
    holds_it = job.since <= job.until - RECENT and job.created_at - job.until < OF_THIS_MOMENT
    result = export_dataset(
        Selection(job.tenant, job.since, job.until, include_provider),
        target=target,
        formats=job.formats,
        provenance=provenance.current(),
        rolling=rolling if holds_it else None,
    )
    if not holds_it:
        write_rolling_jsonl(rolling, job.tenant, include_provider=include_provider)
    return result


def _finish(job: DatasetExport, **outcome: object) -> None:
    DatasetExport.objects.filter(pk=job.pk).exclude(state=State.DONE).update(finished_at=timezone.now(), **outcome)
