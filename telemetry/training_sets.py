"""Training sets: written whole or not at all, and traced both ways between rows and what they come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from telemetry.dataset import EXAMPLES
from telemetry.exceptions import ExportFailed, ExportRunning
from telemetry.models import Event, TrainingRow, TrainingSet
from telemetry.staging import appearing_folder, remove_leftovers

SCHEMA = 1
DATA = "data.jsonl"
Origin = TrainingRow.Origin


def sets_folder() -> Path:
    """Where sets are written unless somebody names another folder."""
    return Path(settings.AION_TRAIN_ROOT) / "training-sets"


class Exclusion(models.TextChoices):
    """Why something did not become a row."""

    NOT_REVIEWED = "not_reviewed", gettext_lazy("nobody has reviewed the answer")
    REJECTED = "rejected", gettext_lazy("the answer was rejected")
    FAILED = "failed", gettext_lazy("there was no answer")
    NO_CONTEXT = "no_context", gettext_lazy("what had been found is no longer kept")
    PROVIDER = "provider", gettext_lazy("answer of the paid API")
    HELD_OUT = "held_out", gettext_lazy("document kept for the examination")
    RESTRICTED = "restricted", gettext_lazy("document that not everybody may read, or that is gone")
    CUT = "cut", gettext_lazy("quotation of half a sentence")
    UNGROUNDED = "ungrounded", gettext_lazy("the passages do not bear it out")
    SOURCE_NOT_FOUND = "source_not_found", gettext_lazy("the passage with the answer was not found")
    TOO_LONG = "too_long", gettext_lazy("too long for the training")
    PERSONAL_DATA_LEFT = "personal_data_left", gettext_lazy("personal data that could not be masked")
    DUPLICATE = "duplicate", gettext_lazy("the same as another")
    NEAR_DUPLICATE = "near_duplicate", gettext_lazy("nearly the same as another")
    CONTRADICTED = "contradicted", gettext_lazy("a newer answer to the same question says otherwise")
    DOCUMENT_SHARE = "document_share", gettext_lazy("enough about the same document")
    SECTION_SHARE = "section_share", gettext_lazy("enough about the same section")
    REFUSAL_SHARE = "refusal_share", gettext_lazy("more refusals than the settings allow")


@dataclass(frozen=True)
class NewRow:
    """A row to be written: what stands in its line (`content`, JSON), and where it comes from."""

    row_id: str
    origin: Origin
    content: Mapping[str, Any]
    event_id: UUID | None = None
    review_id: str = ""
    golden_id: str = ""
    user_id: int | None = None
    key_id: int | None = None
    document_ids: tuple[UUID, ...] = ()

    def provenance(self) -> dict[str, Any]:
        """What the manifest says of it: never whose question it was."""
        return {
            "id": self.row_id,
            "origin": self.origin.value,
            "event": str(self.event_id) if self.event_id else None,
            "review": self.review_id or None,
            "golden": self.golden_id or None,
            "documents": [str(document) for document in self.document_ids],
        }


def write_training_set(
    rows: Sequence[NewRow], *, tenant: str, now: datetime, target: Path, manifest: Mapping[str, Any], readme: str
) -> TrainingSet:
    """Write `rows` into the new folder `target` and keep them here; all of it or nothing.

    `manifest` is completed with rows, SHA-256 and the provenance of each row; the one kept here goes without the last.
    Raises `ExportRunning` while another set of the tenant is being written, `DiskFull`, or `ExportFailed`, also where
    somebody whose question is among them was erased since they were read.
    """
    lines = "".join(json.dumps(row.content, ensure_ascii=False, allow_nan=False) + "\n" for row in rows).encode()
    whole = {
        "schema": SCHEMA,
        "createdAt": now.isoformat(),
        "tenant": tenant,
        "rows": len(rows),
        "files": [{"name": DATA, "rows": len(rows), "bytes": len(lines), "sha256": hashlib.sha256(lines).hexdigest()}],
        **manifest,
    }
    with transaction.atomic():
        _alone(tenant)  # an erasure holds it too, so from here on nobody is erased
        _refuse_erased(rows, tenant)
        kept = TrainingSet.objects.create(
            tenant=tenant,
            created_at=now,
            path=str(target),
            rows=len(rows),
            sha256=hashlib.sha256(lines).hexdigest(),
            manifest=whole,
        )
        TrainingRow.objects.bulk_create(
            (_kept(kept, position, row) for position, row in enumerate(rows, start=1)), batch_size=2000
        )
        remove_leftovers(target.parent)
        with appearing_folder(target) as folder:
            (folder / DATA).write_bytes(lines)
            provenance = {"id": str(kept.pk), **whole, "provenance": [row.provenance() for row in rows]}
            text = json.dumps(provenance, ensure_ascii=False, indent=2, allow_nan=False)
            (folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
            (folder / "README.md").write_text(readme, encoding="utf-8")
    return kept


def sets_with_person(user_id: int) -> QuerySet[TrainingSet]:
    """The training sets in which something is that this person asked."""
    return TrainingSet.objects.filter(pk__in=TrainingRow.objects.filter(user_id=user_id).values("training_set"))


def rows_of_event(event_id: UUID) -> QuerySet[TrainingRow]:
    """The rows that an answer became, set by set."""
    return TrainingRow.objects.filter(event_id=event_id).select_related("training_set")


def taint(set_ids: Iterable[UUID], *, reason: str, at: datetime | None = None) -> int:
    """Mark training sets as not to be trained on any more; return how many were not marked already."""
    sets = TrainingSet.objects.filter(pk__in=list(set_ids), tainted_at=None)
    return sets.update(tainted_at=at or timezone.now(), taint_reason=reason[:200])


def tainted_sets(tenant: str) -> QuerySet[TrainingSet]:
    """Those marked so, the latest first."""
    return TrainingSet.objects.filter(tenant=tenant, tainted_at__isnull=False).order_by("-tainted_at")


def excluded(ids: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """What a manifest says of what was left out: how many for each reason, and a few ids."""
    return {reason: {"rows": len(left), "examples": list(left[:EXAMPLES])} for reason, left in ids.items() if left}


def _refuse_erased(rows: Sequence[NewRow], tenant: str) -> None:
    ids = {row.event_id for row in rows if row.event_id}
    if Event.objects.filter(tenant=tenant, pk__in=ids, meta__erased=True).exists():
        raise ExportFailed(_("Somebody's data was erased while the training set was being made. Make it again."))


def _kept(training_set: TrainingSet, position: int, row: NewRow) -> TrainingRow:
    return TrainingRow(
        training_set=training_set,
        position=position,
        row_id=row.row_id,
        origin=row.origin,
        event_id=row.event_id,
        review_id=row.review_id,
        golden_id=row.golden_id,
        user_id=row.user_id,
        key_id=row.key_id,
        document_ids=list(row.document_ids),
    )


def _alone(tenant: str) -> None:
    """Hold the tenant's lock to the end of the transaction; PostgreSQL frees it if this process dies."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [f"telemetry.training_set:{tenant}"])
        if not cursor.fetchone()[0]:
            raise ExportRunning(_("Another training set is being written; wait until it is done."))
