"""Files that come in through the browser: kept aside under a name of our own, then ingested by a worker."""

from __future__ import annotations

import os
import uuid
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath

from django.conf import settings
from django.core.files import File
from django.db import connection, transaction
from django.utils import timezone

from retrieval.exceptions import DocumentRejected, RejectionCode
from retrieval.ingestion import IngestReport, Progress, Status, ingest
from retrieval.models import IngestJob
from retrieval.parsing.blocks import Limits
from retrieval.parsing.formats import MEDIA_TYPES

LONGEST_NAME = 200


def accept_upload(
    file: File[bytes],
    *,
    tenant: str,
    user_id: int | None,
    collection: str = "main",
    labels: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> IngestJob:
    """Keep the file and queue its ingestion; raises `DocumentRejected` for what its name and size already rule out."""
    name = _plain_name(file.name or "")
    suffix = Path(name).suffix.lower()
    if suffix not in MEDIA_TYPES:
        raise DocumentRejected(RejectionCode.UNSUPPORTED, suffix)
    if not file.size:
        raise DocumentRejected(RejectionCode.EMPTY)
    if file.size > Limits().file_bytes:
        raise DocumentRejected(RejectionCode.TOO_LARGE, f"{file.size} bytes")
    job_id = uuid.uuid4()
    path = _keep(file, job_id, suffix)
    try:
        with transaction.atomic():
            job = IngestJob.objects.create(
                id=job_id,
                tenant=tenant,
                collection=collection,
                filename=name,
                path=str(path),
                labels=list(labels),
                groups=list(groups),
                requested_by_id=user_id,
            )
            transaction.on_commit(partial(_enqueue, job_id))
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return job


def run_ingest_job(job_id: uuid.UUID) -> None:
    """Ingest an accepted file; harmless when delivered twice, at once or again after a worker died in the middle."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"ingest:{job_id}"])
        if not cursor.fetchone()[0]:
            return  # another worker is at it
        try:
            _run_if_unfinished(job_id)
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"ingest:{job_id}"])


def _run_if_unfinished(job_id: uuid.UUID) -> None:
    unfinished = IngestJob.objects.filter(pk=job_id, state__in=[IngestJob.State.QUEUED, IngestJob.State.RUNNING])
    if not unfinished.update(state=IngestJob.State.RUNNING, started_at=timezone.now()):
        return
    job = IngestJob.objects.get(pk=job_id)
    try:
        report = ingest(
            [Path(job.path)],
            tenant=job.tenant,
            collection=job.collection,
            labels=job.labels,
            groups=job.groups,
            source=f"upload:{job.filename}",
            name=job.filename,
            progress=partial(_note_progress, job_id),
        )
    except Exception as exc:
        _finish(job, IngestJob.State.FAILED, error=str(exc))
        raise
    skipped = [outcome.reason for outcome in report.documents if outcome.status is Status.SKIPPED]
    state = IngestJob.State.FAILED if skipped and len(skipped) == len(report.documents) else IngestJob.State.DONE
    _finish(job, state, error=" ".join(skipped), report=report)


def _finish(job: IngestJob, state: IngestJob.State, *, error: str, report: IngestReport | None = None) -> None:
    IngestJob.objects.filter(pk=job.pk).update(
        state=state, error=error, report=report.as_dict() if report else {}, finished_at=timezone.now()
    )
    Path(job.path).unlink(missing_ok=True)


def _note_progress(job_id: uuid.UUID, progress: Progress) -> None:
    IngestJob.objects.filter(pk=job_id).update(done=progress.done, total=progress.total)


def _enqueue(job_id: uuid.UUID) -> None:
    from retrieval.tasks import run_ingest_job as task  # it imports this module

    task.delay(str(job_id))


def _plain_name(name: str) -> str:
    """The last part of whatever path a browser sent."""
    return PurePosixPath(PureWindowsPath(name).name).name[-LONGEST_NAME:]


def _keep(file: File[bytes], job_id: uuid.UUID, suffix: str) -> Path:
    """Written whole and synced, readable by us alone, named by us: the sender's name never reaches the file system."""
    folder = Path(settings.MEDIA_ROOT) / "uploads"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{job_id}{suffix}"
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as kept:
            for piece in file.chunks():
                kept.write(piece)
            kept.flush()
            os.fsync(kept.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path
