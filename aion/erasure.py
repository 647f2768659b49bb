"""A person's data erased from every room, with a receipt; what learned from it is marked, and trained anew at night.

Kept: the account itself, and what a member of staff did as such (reviews given, settings changed, the audit trail).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from chat import erasure as chat_erasure
from chat.models import Conversation, Message
from inference import erasure as inference_erasure
from inference.models import Examination
from retrieval import erasure as retrieval_erasure
from retrieval.models import GoldenQuestion, Judgement
from telemetry import erasure as telemetry_erasure
from telemetry.events import EventKind, Json, moment_of, record
from telemetry.models import DatasetExport, Event
from telemetry.training_sets import tainted_sets

REASON = "erasure"
OTHER_TABLES = tuple(
    model._meta.db_table for model in (Conversation, Message, GoldenQuestion, Judgement, Examination, DatasetExport)
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased, by room and kind; the training sets and adapters marked. It does not say of whom."""

    id: UUID
    at: datetime
    erased: Mapping[str, Mapping[str, int]]
    training_sets: tuple[str, ...]
    adapters: tuple[int, ...]


def erase_person(user_id: int) -> Receipt:
    """All of it or nothing; a second time finds nothing more. Raises `ExportFailed` where a file can't be rewritten.

    Afterwards the touched tables are vacuumed, so that neither dead rows nor the planner's samples keep the words.
    """
    receipt, tables = _erase(user_id)
    vacuum((*tables, *OTHER_TABLES))
    return receipt


@dataclass(frozen=True, slots=True)
class Preview:
    """What an erasure would find, by room and kind, and the adapters that would be marked."""

    found: Mapping[str, Mapping[str, int]]
    adapters: tuple[int, ...]


def preview(user_id: int) -> Preview:
    """Look, and change nothing."""
    tenant = settings.PRIMARY_TENANT_ID
    of_telemetry, answers, sets = telemetry_erasure.counts_of(user_id, tenant=tenant)
    found = {
        "chat": chat_erasure.counts_of(user_id, tenant=tenant),
        "inference": {"examinations": inference_erasure.count_of(answers)},
        "retrieval": {"golden_questions": retrieval_erasure.count_of(answers, tenant=tenant)},
        "telemetry": of_telemetry,
    }
    return Preview(found, tuple(inference_erasure.taught_by(sets)))


def vacuum(tables: Sequence[str]) -> None:
    """Give dead rows back and sample the tables anew. Nobody waits: a table that is being vacuumed is left alone."""
    if connection.in_atomic_block:
        return  # whoever began the transaction ends it, and autovacuum comes later
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(sql.SQL("VACUUM (ANALYZE, SKIP_LOCKED) {}").format(sql.Identifier(table)))


def _erase(user_id: int) -> tuple[Receipt, tuple[str, ...]]:
    tenant = settings.PRIMARY_TENANT_ID
    with transaction.atomic():
        of_telemetry = telemetry_erasure.erase_person(user_id, tenant=tenant, reason=REASON)
        erased = {
            "chat": chat_erasure.erase_person(user_id, tenant=tenant),
            "inference": inference_erasure.erase_person(of_telemetry.event_ids),
            "retrieval": retrieval_erasure.erase_person(of_telemetry.event_ids, tenant=tenant),
            "telemetry": dict(of_telemetry.counts),
        }
        adapters = inference_erasure.taught_by(of_telemetry.training_set_ids)
        inference_erasure.taint(adapters, reason=REASON)
        sets = [str(set_id) for set_id in of_telemetry.training_set_ids]
        meta: dict[str, Json] = {"erased": erased, "trainingSets": sets, "adapters": adapters}
        receipt_id = record(EventKind.ERASURE, value=1, meta=meta, tenant=tenant)
    receipt = Receipt(receipt_id, moment_of(receipt_id), erased, tuple(sets), tuple(adapters))
    return receipt, of_telemetry.tables


def mark_latecomers() -> int:
    """Adapters that a training made of a set while, or after, somebody in it was erased; how many there were."""
    tainted = tainted_sets(settings.PRIMARY_TENANT_ID).values_list("pk", flat=True)
    return inference_erasure.taint(inference_erasure.taught_by(list(tainted)), reason=REASON)


def applied(tenant: str) -> list[dict[str, Json]]:
    """The erasures so far, oldest first, for the manifests of what is written afterwards."""
    receipts = Event.objects.filter(tenant=tenant, kind=EventKind.ERASURE).order_by("id")
    return [
        {"id": str(row.id), "at": timezone.localtime(row.at).isoformat(), "removed": row.meta["erased"]}
        for row in receipts
    ]


def as_dict(receipt: Receipt) -> dict[str, object]:
    """For the terminal and the record of whoever asked for it."""
    return asdict(receipt) | {"id": str(receipt.id), "at": receipt.at.isoformat()}
