"""A document written for a gap: Markdown, brought in as an uploaded file is, whole or not at all."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.utils.text import slugify

from chat.exceptions import DocumentNotWritten
from retrieval.ingestion import Status, ingest
from telemetry.exceptions import NoSuchGap
from telemetry.gaps import keeping
from telemetry.models import Gap


def write_document(
    gap_id: int, title: str, body: str, *, labels: Sequence[str] = (), groups: Sequence[str] = ()
) -> UUID:
    """Store the document and note it in the gap; the same title again replaces it, and keeps the version before.

    Raises `DocumentNotWritten` with a sentence for whoever wrote it, `EmbeddingFailed`, and `NoSuchGap`.
    """
    if not Gap.objects.filter(pk=gap_id, tenant=settings.PRIMARY_TENANT_ID).exists():
        raise NoSuchGap(str(gap_id))
    name = f"{slugify(title)[:80] or 'documento'}-{gap_id}.md"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_text(f"# {title}\n\n{body.strip()}\n", encoding="utf-8")
        report = ingest(
            [path],
            tenant=settings.PRIMARY_TENANT_ID,
            labels=labels,
            groups=groups,
            source=f"upload:{name}",
            name=name,
        )
    outcome = report.documents[0]
    if outcome.status is Status.SKIPPED or outcome.document_id is None:
        raise DocumentNotWritten(outcome.reason)
    keeping.written(gap_id, outcome.document_id, tenant=settings.PRIMARY_TENANT_ID)
    return outcome.document_id
