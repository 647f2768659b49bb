"""Deleting what is past its period: a batch at a time, so that nobody waits for a lock and a kill loses nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Min, QuerySet

from telemetry.audit.trail import Action, write
from telemetry.erasure import BLANKED
from telemetry.events import rewriting
from telemetry.models import AuditEntry, DatasetExport, Event, LedgerEntry, Reservation, TrainingSet
from telemetry.models.events import WITH_TEXTS
from telemetry.partitions import drop_months, lowest_id
from telemetry.removal import remove_written

BATCH = 1000


def delete_in_batches(rows: QuerySet[Any]) -> int:
    """How many of `rows` went, not counting what went with them."""
    gone = 0
    for ids in batches(rows):
        rows.model._base_manager.filter(pk__in=ids).delete()
        gone += len(ids)
    return gone


def batches(rows: QuerySet[Any]) -> Iterator[list[Any]]:
    """Keys of rows that are there still; the caller deletes or changes them before asking for more."""
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield ids


def old_events(before: datetime) -> QuerySet[Event]:
    """Events of the months that `drop_old_months` would drop."""
    first = before.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Event.objects.filter(id__lt=lowest_id(first))


def drop_old_months(before: datetime) -> int:
    """Whole months at once. How many events went."""
    counted = old_events(before).count()
    drop_months(before.date())
    return counted


def texts_past(before: datetime, tenant: str) -> QuerySet[Event]:
    """Events of before that still hold what people asked and were told."""
    events = Event.objects.filter(tenant=tenant, kind__in=WITH_TEXTS, id__lt=lowest_id(before))
    return events.exclude(meta__has_key="erased")


def blank_texts(before: datetime, tenant: str) -> int:
    """As an erasure does it: the events stay as counts. How many."""
    blanked, since = 0, UUID(int=0)
    rows = texts_past(before, tenant).order_by("id")
    while ids := list(rows.filter(id__gt=since).values_list("id", flat=True)[:BATCH]):
        with rewriting(), connection.cursor() as cursor:
            cursor.execute(_BLANK, {"blank": json.dumps(BLANKED), "ids": ids})
            blanked += cursor.rowcount
        since = ids[-1]
    return blanked


_BLANK = """
UPDATE telemetry_event AS e
   SET meta = (e.meta - 'detail') || (
       SELECT jsonb_build_object('erased', true) || COALESCE(jsonb_object_agg(key, blank.value), '{}')
         FROM jsonb_each(%(blank)s::jsonb) AS blank WHERE e.meta ? key)
 WHERE e.id = ANY(%(ids)s)
"""


def delete_with_folders(rows: QuerySet[DatasetExport] | QuerySet[TrainingSet]) -> int:
    """Exports or training sets: the folder first, so that no folder is left that no row knows. Raises
    `ExportFailed` for a folder that is not AION's to remove."""
    gone = 0
    for row in rows.iterator():
        remove_written(row.path)
        row.delete()
        gone += 1
    return gone


def delete_ledger(before: datetime) -> int:
    """Entries of before, then the reservations that none is left of."""
    gone = delete_in_batches(LedgerEntry.objects.filter(at__lt=before))
    closed = Reservation.objects.filter(created_at__lt=before, entries=None).exclude(state=Reservation.State.OPEN)
    delete_in_batches(closed)
    return gone


def delete_audit(before: datetime) -> int:
    """The oldest rows of the trail. An entry of the last one's hash lets `verify` tell this from a theft; the database
    refuses for rows that are not five years old."""
    old = AuditEntry.objects.filter(at__lt=before)
    youngest_kept = AuditEntry.objects.filter(at__gte=before).aggregate(first=Min("pk"))["first"]
    old = old.filter(pk__lt=youngest_kept) if youngest_kept else old
    last = old.order_by("-pk").first()
    if last is None:
        return 0
    with transaction.atomic():
        said = {"hash": last.hash}
        write(Action.PRUNED, object_type="telemetry.auditentry", object_id=last.pk, after=said)
        return AuditEntry.objects.filter(pk__lte=last.pk).delete()[0]
