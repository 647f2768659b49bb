"""A person's data taken out of telemetry: texts of events, feedback, reviews, datasets, rows of training sets.

Events are append-only, so they stay as counts: texts become "", ids of the person, of keys and conversations null, and
`erased` true. Money stays, without whom it was spent for. What no longer tells of a person stays: documents found,
confidence, times, cost. Files go first and rows with the end of the transaction: whoever is killed in between does all
of it again the next time.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q

from telemetry import erased_files as files
from telemetry.events import rewriting
from telemetry.gaps.unanswered import erase_questions
from telemetry.models import Alarm, Event, Feedback, Gap, GapQuestion, Reservation, Review, TrainingRow, TrainingSet
from telemetry.removal import remove_written
from telemetry.training_sets import taint

LOCKS = ("telemetry.export", "telemetry.training_set")  # nothing is written from these rows meanwhile
BATCH = 5_000
BLANKED: Mapping[str, Any] = {
    "prompt": "",
    "reply": "",
    "query": "",
    "terms": {},
    "userId": None,
    "keyId": None,
    "conversationId": None,
}


@dataclass(frozen=True, slots=True)
class Erased:
    """What was erased, by kind; the answers it was about; the training sets that had learned from it; and the tables
    in which dead rows are left."""

    counts: Mapping[str, int]
    event_ids: tuple[UUID, ...]
    training_set_ids: tuple[UUID, ...]
    tables: tuple[str, ...]


def erase_person(user_id: int, *, tenant: str, reason: str) -> Erased:
    """Within the caller's transaction; waits for an export that is being written. Raises `ExportFailed` where a file
    cannot be rewritten."""
    _lock(tenant)
    counts: Counter[str] = Counter()
    answers = answers_of(user_id, tenant)
    ids = {str(event_id) for event_id in answers}
    counts["copies"] = files.out_of_copies(user_id, tenant)
    counts["dataset_files"] = files.out_of_exports(tenant, ids)
    files.out_of_rolling_file(ids)
    sets = _out_of_training_sets(user_id, tenant, answers, counts, reason)
    partitions = _blank_events(user_id, tenant, answers, counts)
    counts["feedback"], _models = Feedback.objects.filter(tenant=tenant, user_id=user_id).delete()
    others = Feedback.objects.filter(tenant=tenant, event_id__in=answers)
    counts["feedback_texts"] = others.update(question="", reply="", comment="", correction="")
    counts["reviews"] = _delete_reviews(tenant, answers)
    counts["gap_questions"] = erase_questions(user_id, answers, tenant)
    Alarm.objects.filter(tenant=tenant, acknowledged_by=user_id).update(acknowledged_by=None)
    mine = Reservation.objects.filter(tenant=tenant, user_id=user_id)
    counts["reservations"] = mine.update(user_id=None, key_id=None)
    tables = tuple(
        model._meta.db_table for model in (Feedback, Review, Review.history.model, TrainingRow, Gap, GapQuestion)
    )
    return Erased(
        {kind: count for kind, count in counts.items() if count}, tuple(answers), sets, (*sorted(partitions), *tables)
    )


def answers_of(user_id: int, tenant: str) -> list[UUID]:
    """The ids of all that this person asked, oldest first."""
    return _ids("WHERE tenant = %s AND kind = 'answer' AND meta ? 'userId' AND meta ->> 'userId' = %s", tenant, user_id)


def counts_of(user_id: int, *, tenant: str) -> tuple[dict[str, int], list[UUID], list[UUID]]:
    """What `erase_person` would find, by kind; the person's answers; and the training sets with something of them."""
    answers = answers_of(user_id, tenant)
    rows = _training_rows(user_id, tenant, answers)
    counts = {
        "events": len(events_about(user_id, tenant, answers)),
        "feedback": Feedback.objects.filter(tenant=tenant, user_id=user_id).count(),
        "reviews": Review.objects.filter(tenant=tenant, event_id__in=answers).count(),
        "training_rows": rows.count(),
        "reservations": Reservation.objects.filter(tenant=tenant, user_id=user_id).count(),
    }
    return counts, answers, list(rows.values_list("training_set", flat=True).distinct())


def _lock(tenant: str) -> None:
    with connection.cursor() as cursor:
        for name in LOCKS:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{name}:{tenant}"])


def _ids(where: str, *values: Any) -> list[UUID]:
    """Each condition is one that an index of the events answers: among a million there is no time to read them all."""
    texts = [str(value) if isinstance(value, int) else value for value in values]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id FROM telemetry_event {where} ORDER BY id", texts)  # noqa: S608 - the conditions below
        return [row[0] for row in cursor.fetchall()]


def events_about(user_id: int, tenant: str, answers: Sequence[UUID]) -> set[UUID]:
    """What the person asked or said, what was found for it, drafted and spent on it."""
    found = set(_ids("WHERE tenant = %s AND meta ? 'userId' AND meta ->> 'userId' = %s", tenant, user_id))
    found.update(answers)
    for start in range(0, len(answers), BATCH):
        batch = list(answers[start : start + BATCH])
        found.update(_retrievals(batch))
        about = "WHERE tenant = %s AND meta ? 'answerId' AND meta ->> 'answerId' = ANY(%s)"
        found.update(_ids(about, tenant, [str(event_id) for event_id in batch]))
    return found


def _retrievals(answers: list[UUID]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT meta ->> 'retrievalId' FROM telemetry_event WHERE id = ANY(%s)", [answers])
        return [UUID(row[0]) for row in cursor.fetchall() if row[0]]


_BLANK = """
UPDATE telemetry_event AS e
   SET meta = (e.meta - 'detail') || (
       SELECT jsonb_build_object('erased', true) || COALESCE(jsonb_object_agg(key, blank.value), '{}')
         FROM jsonb_each(%(blank)s::jsonb) AS blank WHERE e.meta ? key)
 WHERE e.tenant = %(tenant)s AND e.id = ANY(%(ids)s)
RETURNING e.tableoid::regclass::text
"""


def _blank_events(user_id: int, tenant: str, answers: Sequence[UUID], counts: Counter[str]) -> set[str]:
    """The partitions that were touched."""
    ids = sorted(events_about(user_id, tenant, answers))
    partitions: set[str] = set()
    with rewriting(), connection.cursor() as cursor:
        for start in range(0, len(ids), BATCH):
            values: dict[str, Any] = {"blank": json.dumps(BLANKED), "tenant": tenant, "ids": ids[start : start + BATCH]}
            cursor.execute(_BLANK, values)
            counts["events"] += cursor.rowcount
            partitions.update(row[0] for row in cursor.fetchall())
    return partitions


def _delete_reviews(tenant: str, answers: Sequence[UUID]) -> int:
    """With their history."""
    deleted, _models = Review.objects.filter(tenant=tenant, event_id__in=answers).delete()
    Review.history.filter(tenant=tenant, event_id__in=answers).delete()  # afterwards: deleting writes a line of it too
    return deleted


def _training_rows(user_id: int, tenant: str, answers: Sequence[UUID]) -> Any:
    return TrainingRow.objects.filter(Q(user_id=user_id) | Q(event_id__in=answers), training_set__tenant=tenant)


def _out_of_training_sets(
    user_id: int, tenant: str, answers: Sequence[UUID], counts: Counter[str], reason: str
) -> tuple[UUID, ...]:
    """Their rows are deleted, the sets tainted and their folders removed: a clean one is built from what is left."""
    own = _training_rows(user_id, tenant, answers)
    touched = list(TrainingSet.objects.filter(pk__in=own.values("training_set")))
    for training_set in touched:
        counts["training_set_folders"] += remove_written(training_set.path)
    counts["training_set_folders"] += files.remove_unknown_sets()
    sets = tuple(training_set.pk for training_set in touched)
    taint(sets, reason=reason)
    counts["training_rows"] = own.delete()[0]
    return sets


def was_erased(event_id: UUID, tenant: str) -> bool:
    """Whether the person who asked this was erased since."""
    return Event.objects.filter(pk=event_id, tenant=tenant, meta__erased=True).exists()
