"""How long each kind of data is kept: defaults for the LGPD, what staff chose instead, and the nightly end of it.

Nothing is kept for longer than it serves; what the law wants kept (money, the audit trail) has five years at least.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from celery.utils.log import get_task_logger
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aion.exceptions import ActionFailed
from chat.models import Conversation
from inference.models import TrainingRun
from retrieval.models import CrawledPage, IngestJob
from telemetry import retention as ending
from telemetry.events import EventKind, Json, record
from telemetry.exceptions import ExportFailed
from telemetry.models import (
    Alarm,
    AuditEntry,
    DataRequest,
    DatasetExport,
    Event,
    Feedback,
    LedgerEntry,
    Night,
    RetentionRule,
    Review,
    TrainingSet,
)

logger = get_task_logger(__name__)
YEAR: Final = 365
LEGAL: Final = 5 * YEAR + 2  # five years, leap days included


@dataclass(frozen=True, slots=True)
class Kind:
    """Something that is kept for `default` days, at least `least` and at most `most`. `past` are the rows that are
    older than a moment, `end` ends them and says how many there were."""

    key: str
    title: Promise
    why: Promise
    default: int
    least: int
    most: int
    past: Callable[[datetime], QuerySet[Any]]
    end: Callable[[datetime], int]


def _rows(past: Callable[[datetime], QuerySet[Any]]) -> dict[str, Callable[[datetime], Any]]:
    return {"past": past, "end": lambda before: ending.delete_in_batches(past(before))}


def _tenant() -> str:
    return settings.PRIMARY_TENANT_ID


def _reviews(before: datetime) -> QuerySet[Review]:
    return Review.objects.filter(tenant=_tenant(), decided_at__lt=before)


def _end_reviews(before: datetime) -> int:
    gone = ending.delete_in_batches(_reviews(before))
    ending.delete_in_batches(Review.history.filter(tenant=_tenant(), history_date__lt=before))
    left = Review.objects.values("event_id")
    ending.delete_in_batches(Review.history.filter(tenant=_tenant(), decided_at__lt=before).exclude(event_id__in=left))
    return gone


def _exports(before: datetime) -> QuerySet[DatasetExport]:
    busy = (DatasetExport.State.QUEUED, DatasetExport.State.RUNNING)
    return DatasetExport.objects.filter(tenant=_tenant(), created_at__lt=before).exclude(state__in=busy)


def _training_sets(before: datetime) -> QuerySet[TrainingSet]:
    """Those that nothing was trained on: of the others it must be known who is in them, should they ask."""
    used = TrainingRun.objects.exclude(training_set_id=None).values("training_set_id")
    return TrainingSet.objects.filter(tenant=_tenant(), created_at__lt=before).exclude(pk__in=used)


def _copies(before: datetime) -> QuerySet[DataRequest]:
    return DataRequest.objects.filter(tenant=_tenant(), finished_at__lt=before).exclude(path="")


def end_copies(before: datetime) -> int:
    """The files go; that there was a request stays, without whom it was about."""
    gone = 0
    for row in _copies(before):
        Path(row.path).unlink(missing_ok=True)
        DataRequest.objects.filter(pk=row.pk).update(path="", user_id=None)
        gone += 1
    return gone


KINDS: Final[Mapping[str, Kind]] = {
    kind.key: kind
    for kind in (
        Kind(
            "conversations",
            gettext_lazy("Conversations"),
            gettext_lazy("What people see as their history; counted from the last message."),
            YEAR,
            7,
            5 * YEAR,
            **_rows(lambda before: Conversation.objects.filter(tenant=_tenant(), updated_at__lt=before)),
        ),
        Kind(
            "texts",
            gettext_lazy("Texts of questions and answers in events"),
            gettext_lazy("Afterwards the events stay as figures, without what was asked, what was said and by whom."),
            YEAR,
            7,
            5 * YEAR,
            lambda before: ending.texts_past(before, _tenant()),
            lambda before: ending.blank_texts(before, _tenant()),
        ),
        Kind(
            "events",
            gettext_lazy("Events"),
            gettext_lazy("By whole months. Charts of those days go with them, except for what was summed up before."),
            2 * YEAR,
            90,
            10 * YEAR,
            ending.old_events,
            ending.drop_old_months,
        ),
        Kind(
            "feedback",
            gettext_lazy("Feedback"),
            gettext_lazy("Votes, comments and corrections of those who asked."),
            2 * YEAR,
            30,
            5 * YEAR,
            **_rows(lambda before: Feedback.objects.filter(tenant=_tenant(), created_at__lt=before)),
        ),
        Kind(
            "reviews",
            gettext_lazy("Reviews"),
            gettext_lazy("What staff judged, with its history. The model learns from it: too short, and it forgets."),
            3 * YEAR,
            90,
            10 * YEAR,
            _reviews,
            _end_reviews,
        ),
        Kind(
            "exports",
            gettext_lazy("Dataset exports"),
            gettext_lazy("The folder with its files."),
            90,
            1,
            2 * YEAR,
            _exports,
            lambda before: ending.delete_with_folders(_exports(before)),
        ),
        Kind(
            "training_sets",
            gettext_lazy("Training sets that nothing was trained on"),
            gettext_lazy("Those that an adapter learned from stay: it must be known whose words it learned from."),
            YEAR,
            30,
            5 * YEAR,
            _training_sets,
            lambda before: ending.delete_with_folders(_training_sets(before)),
        ),
        Kind(
            "copies",
            gettext_lazy("Copies of people's data"),
            gettext_lazy("The ZIP files made for people who asked for their data."),
            7,
            1,
            30,
            _copies,
            end_copies,
        ),
        Kind(
            "uploads",
            gettext_lazy("Records of uploads"),
            gettext_lazy("How each upload went; the documents themselves stay."),
            180,
            7,
            3 * YEAR,
            **_rows(lambda before: IngestJob.objects.filter(tenant=_tenant(), finished_at__lt=before)),
        ),
        Kind(
            "pages",
            gettext_lazy("Pages of sites that are gone"),
            gettext_lazy("That a page was there once; its document left the search when it vanished."),
            180,
            7,
            3 * YEAR,
            **_rows(
                lambda before: CrawledPage.objects.filter(
                    site__tenant=_tenant(), status=CrawledPage.Status.GONE, visited_at__lt=before
                )
            ),
        ),
        Kind(
            "nights",
            gettext_lazy("Nights"),
            gettext_lazy("What the learning loop decided, and why. No personal data."),
            3 * YEAR,
            90,
            10 * YEAR,
            **_rows(lambda before: Night.objects.filter(tenant=_tenant(), started_at__lt=before)),
        ),
        Kind(
            "alarms",
            gettext_lazy("Alarms that are over"),
            gettext_lazy("With the notices that were sent of them."),
            YEAR,
            30,
            5 * YEAR,
            **_rows(lambda before: Alarm.objects.filter(tenant=_tenant(), closed_at__lt=before)),
        ),
        Kind(
            "sessions",
            gettext_lazy("Sign-ins that ended"),
            gettext_lazy("Counted from the day on which they stopped being valid."),
            1,
            1,
            90,
            **_rows(lambda before: Session.objects.filter(expire_date__lt=before)),
        ),
        Kind(
            "admin_log",
            gettext_lazy("Histories on the panel's pages"),
            gettext_lazy("The short lines under “History”. The audit trail has more, and is kept by itself."),
            2 * YEAR,
            YEAR,
            10 * YEAR,
            **_rows(lambda before: LogEntry.objects.filter(action_time__lt=before)),
        ),
        Kind(
            "audit",
            gettext_lazy("Audit trail, with sign-ins"),
            gettext_lazy("Five years at least, as long as somebody may be held to account. The database sees to it."),
            LEGAL,
            LEGAL,
            10 * YEAR,
            lambda before: AuditEntry.objects.filter(at__lt=before),
            ending.delete_audit,
        ),
        Kind(
            "ledger",
            gettext_lazy("Money: ledger and reservations"),
            gettext_lazy("Five years at least, as the law wants of books."),
            LEGAL,
            LEGAL,
            10 * YEAR,
            lambda before: LedgerEntry.objects.filter(at__lt=before),
            ending.delete_ledger,
        ),
    )
}


def days_of(kind: Kind) -> int:
    """What is in force: what staff chose last, within what is allowed now."""
    rules = RetentionRule.objects.filter(tenant=_tenant(), kind=kind.key).order_by("-id")
    chosen = rules.values_list("days", flat=True).first()
    return kind.default if chosen is None else min(max(chosen, kind.least), kind.most)


def change(kind: Kind, days: int, *, reason: str, by: int | None) -> RetentionRule:
    """Raises `ActionFailed` outside the range or without a reason."""
    if not kind.least <= days <= kind.most:
        said = {"least": kind.least, "most": kind.most}
        raise ActionFailed(_("From %(least)d to %(most)d days are allowed.") % said)
    if not reason.strip():
        raise ActionFailed(_("Give a reason."))
    return RetentionRule.objects.create(tenant=_tenant(), kind=kind.key, days=days, reason=reason, by=by)


def would_go(kind: Kind, now: datetime, *, days: int | None = None) -> int:
    """How many rows would end tonight, with the period in force or another."""
    return kind.past(now - timedelta(days=days_of(kind) if days is None else days)).count()


def end_all(now: datetime) -> dict[str, int]:
    """Every kind in turn, and an event of what went. One that fails stops no other, and is tried the next night."""
    gone: dict[str, int] = {}
    failed: list[str] = []
    for kind in KINDS.values():
        try:
            gone[kind.key] = kind.end(now - timedelta(days=days_of(kind)))
        except (DatabaseError, OSError, ExportFailed):
            logger.exception("retention of %s failed", kind.key)
            failed.append(kind.key)
    meta: dict[str, Json] = {"gone": gone, "failed": failed}
    record(EventKind.RETENTION, value=sum(gone.values()), meta=meta, tenant=_tenant())
    return gone


def last_night() -> Event | None:
    """What the last run said."""
    return Event.objects.filter(tenant=_tenant(), kind=EventKind.RETENTION).order_by("-id").first()
