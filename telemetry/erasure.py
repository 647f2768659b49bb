"""A person's data taken out of telemetry: texts of events, feedback, reviews, datasets, rows of training sets.

Events are append-only, so they stay as counts: texts become "", ids of the person, of keys and conversations null, and
`erased` true. Money stays, without whom it was spent for. What no longer tells of a person stays: documents found,
confidence, times, cost. Files go first and rows with the end of the transaction: whoever is killed in between does all
of it again the next time.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from telemetry.exceptions import ExportFailed
from telemetry.export import write_rolling_jsonl
from telemetry.models import Alarm, DatasetExport, Event, Feedback, Reservation, Review, TrainingRow, TrainingSet
from telemetry.staging import ASIDE, appearing_file
from telemetry.training_sets import sets_folder, taint

LOCKS = ("telemetry.export", "telemetry.training_set")  # nothing is written from these rows meanwhile


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, by kind; the answers it was about; and the training sets that had learned from it."""

    counts: Mapping[str, int]
    event_ids: tuple[UUID, ...]
    training_set_ids: tuple[UUID, ...]


def erase_person(user_id: int, *, tenant: str, reason: str) -> Erased:
    """Within the caller's transaction; waits for an export that is being written. Raises `ExportFailed` where a file
    cannot be rewritten."""
    _lock(tenant)
    counts: Counter[str] = Counter()
    answers = _answers_of(user_id, tenant)
    counts["dataset_files"] = _out_of_exports(tenant, {str(event_id) for event_id in answers})
    sets = _out_of_training_sets(user_id, tenant, answers, counts, reason)
    counts["events"] = _blank_events(user_id, tenant, answers)
    counts["feedback"], _models = Feedback.objects.filter(tenant=tenant, user_id=user_id).delete()
    others = Feedback.objects.filter(tenant=tenant, event_id__in=answers)
    counts["feedback_texts"] = others.update(question="", reply="", comment="", correction="")
    counts["reviews"] = _delete_reviews(tenant, answers)
    Alarm.objects.filter(tenant=tenant, acknowledged_by=user_id).update(acknowledged_by=None)
    mine = Reservation.objects.filter(tenant=tenant, user_id=user_id)
    counts["reservations"] = mine.update(user_id=None, key_id=None)
    if answers:
        write_rolling_jsonl(settings.AION_EVENTS_JSONL, tenant)
    return Erased({kind: count for kind, count in counts.items() if count}, tuple(answers), sets)


def _lock(tenant: str) -> None:
    with connection.cursor() as cursor:
        for name in LOCKS:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{name}:{tenant}"])


def _answers_of(user_id: int, tenant: str) -> list[UUID]:
    asked = Event.objects.filter(tenant=tenant, kind=Event.Kind.ANSWER, meta__userId=user_id)
    return list(asked.order_by("id").values_list("id", flat=True))


_BLANK = """
UPDATE telemetry_event AS e
   SET meta = (e.meta - 'detail') || (
       SELECT jsonb_build_object('erased', true) || COALESCE(jsonb_object_agg(key, blank.value), '{}')
         FROM jsonb_each(%(blank)s::jsonb) AS blank WHERE e.meta ? key)
 WHERE e.tenant = %(tenant)s AND (
       e.id = ANY(%(answers)s)
    OR e.kind = 'retrieval' AND e.id = ANY(SELECT (a.meta ->> 'retrievalId')::uuid
         FROM telemetry_event a WHERE a.id = ANY(%(answers)s) AND a.meta ->> 'retrievalId' IS NOT NULL)
    OR e.kind IN ('draft', 'fallback', 'feedback') AND (e.meta ->> 'answerId')::uuid = ANY(%(answers)s)
    OR e.meta @> jsonb_build_object('userId', %(user)s::bigint))
"""
BLANKED: Mapping[str, Any] = {
    "prompt": "",
    "reply": "",
    "query": "",
    "terms": {},
    "userId": None,
    "keyId": None,
    "conversationId": None,
}


def _blank_events(user_id: int, tenant: str, answers: Sequence[UUID]) -> int:
    values: dict[str, Any] = {"blank": json.dumps(BLANKED), "tenant": tenant, "answers": list(answers), "user": user_id}
    with connection.cursor() as cursor:
        cursor.execute(_BLANK, values)
        return int(cursor.rowcount)


def _delete_reviews(tenant: str, answers: Sequence[UUID]) -> int:
    """With their history."""
    deleted, _models = Review.objects.filter(tenant=tenant, event_id__in=answers).delete()
    Review.history.filter(tenant=tenant, event_id__in=answers).delete()  # afterwards: deleting writes a line of it too
    return deleted


def _out_of_training_sets(
    user_id: int, tenant: str, answers: Sequence[UUID], counts: Counter[str], reason: str
) -> tuple[UUID, ...]:
    """Their rows are deleted, the sets tainted and their folders removed: a clean one is built from what is left."""
    own = TrainingRow.objects.filter(Q(user_id=user_id) | Q(event_id__in=answers), training_set__tenant=tenant)
    touched = list(TrainingSet.objects.filter(pk__in=own.values("training_set")))
    for training_set in touched:
        counts["training_set_folders"] += _remove(Path(training_set.path))
    counts["training_set_folders"] += sum(map(_remove, _folders_without_row()))
    sets = tuple(training_set.pk for training_set in touched)
    taint(sets, reason=reason)
    counts["training_rows"] = own.delete()[0]
    return sets


def _folders_without_row() -> list[Path]:
    """Sets whose process died between folder and row, half or whole: nobody knows whose words they hold."""
    known = {str(Path(path).resolve()) for path in TrainingSet.objects.values_list("path", flat=True)}
    folders = (manifest.parent for manifest in sets_folder().glob("*/manifest.json"))
    whole = [folder for folder in folders if str(folder.resolve()) not in known]
    return [*whole, *sets_folder().glob(f"{ASIDE}*")]


def _out_of_exports(tenant: str, ids: Collection[str]) -> int:
    """Every export is rewritten without the rows of these answers; how many files were."""
    rewritten = 0
    for job in DatasetExport.objects.filter(tenant=tenant).exclude(path=""):
        folder = Path(job.path)
        if ids and folder.is_dir() and (changed := _rewrite(folder, ids)):
            rewritten += changed
            manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
            DatasetExport.objects.filter(pk=job.pk).update(manifest=manifest, rows=manifest.get("rows", job.rows))
    return rewritten


def _rewrite(folder: Path, ids: Collection[str]) -> int:
    """Each file of JSON lines without these ids, and the manifest as the files then are; how many files changed."""
    kept_in = {file: _without(file, ids) for file in sorted(folder.glob("*.jsonl"))}
    changed = {file: kept for file, kept in kept_in.items() if kept is not None}
    if not changed:
        return 0
    manifest_file = folder / "manifest.json"
    manifest = json.loads(manifest_file.read_text(encoding="utf-8"))
    for described in manifest.get("files", ()):
        kept = changed.get(folder / described["name"])
        if kept is not None:
            whole = "".join(kept).encode()
            described |= {"rows": len(kept), "bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}
    if manifest.get("files"):
        manifest["rows"] = manifest["files"][0]["rows"]
    manifest["erasedAt"] = timezone.now().isoformat()
    for file, kept in changed.items():
        with appearing_file(file) as out:
            out.writelines(kept)
    with appearing_file(manifest_file) as out:
        out.write(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n")
    return len(changed)


def _without(file: Path, ids: Collection[str]) -> list[str] | None:
    """The lines to keep; None where all are."""
    with file.open(encoding="utf-8") as lines:
        kept, dropped = [], False
        for line in lines:
            if _id_in(line, file) in ids:
                dropped = True
            else:
                kept.append(line)
    return kept if dropped else None


def _id_in(line: str, file: Path) -> str:
    try:
        return str(json.loads(line)["id"])
    except (ValueError, KeyError, TypeError) as exc:
        message = _("%(path)s is damaged, so nobody can be erased from it. Delete its folder and try again.")
        raise ExportFailed(message % {"path": file}) from exc


def _remove(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    shutil.rmtree(folder)
    return 1
