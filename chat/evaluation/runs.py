"""The rows of evaluations: asked for, waiting until things are quiet, one at a time, interrupted honestly.

Nobody has to tell that something changed: what answers now is compared with what answered in the last run.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from chat.evaluation.conditions import Conditions, changed, present
from chat.exceptions import EvaluationRefused
from chat.models import EvaluationAnswer, EvaluationRun
from retrieval.models import GoldenQuestion

logger = logging.getLogger(__name__)
State, Cause = EvaluationRun.State, EvaluationRun.Cause

QUIET = timedelta(minutes=10)  # an evening's work on the documents is one change, not forty
ANSWERS_KEPT = timedelta(days=180)  # the figures stay
URGENCY = (Cause.CHANGE, Cause.NIGHT, Cause.BUTTON)


def runs() -> QuerySet[EvaluationRun]:
    return EvaluationRun.objects.filter(tenant=settings.PRIMARY_TENANT_ID)


def last_done(before: EvaluationRun | None = None) -> EvaluationRun | None:
    """The newest run that came to its end, or the newest before that one."""
    done = runs().filter(state=State.DONE)
    return (done if before is None else done.filter(pk__lt=before.pk)).first()


def ask(cause: EvaluationRun.Cause, now: datetime, *, by: int | None = None) -> EvaluationRun:
    """A run that waits: the one that does already, with the more urgent cause of both, or a new one.

    Raises `EvaluationRefused` where there is no golden question in use.
    """
    if not GoldenQuestion.objects.filter(tenant=settings.PRIMARY_TENANT_ID, is_active=True).exists():
        raise EvaluationRefused(_("There is no golden question in use. Add some first."))
    row = runs().filter(state=State.WAITING).first() or _new(cause, now, by)
    if URGENCY.index(cause) > URGENCY.index(Cause(row.cause)):
        row.cause, row.by_id = cause, by
        row.save(update_fields=["cause", "by"])
    return row


def _new(cause: EvaluationRun.Cause, now: datetime, by: int | None) -> EvaluationRun:
    values = {"cause": cause, "by_id": by, "changed_at": now}
    try:
        with transaction.atomic():
            return EvaluationRun.objects.create(tenant=settings.PRIMARY_TENANT_ID, **values)
    except IntegrityError:  # another asked in the same moment
        return runs().get(state=State.WAITING)


def notice_changes(now: datetime) -> None:
    """Ask for a run where something else answers than in the last one; each further change makes it wait anew.

    The first run of all is a night's or a person's: there is nothing to compare with before it.
    """
    waiting = runs().filter(state=State.WAITING).first()
    last = runs().exclude(state=State.WAITING).first()
    if last is None:
        return
    is_now = present()
    if waiting is not None and waiting.conditions:
        if changed(Conditions.of(waiting.conditions), is_now):
            runs().filter(pk=waiting.pk, state=State.WAITING).update(conditions=is_now.to_json(), changed_at=now)
        return
    if not changed(Conditions.of(last.conditions), is_now):
        return
    try:
        row = ask(Cause.CHANGE, now)
    except EvaluationRefused:
        return
    runs().filter(pk=row.pk, state=State.WAITING).update(conditions=is_now.to_json(), changed_at=now)


def due(now: datetime) -> EvaluationRun | None:
    """The run whose time has come: at once where somebody or the night asked, else when things are quiet."""
    row = runs().filter(state=State.WAITING).first()
    if row is None or (row.cause == Cause.CHANGE and row.changed_at and now - row.changed_at < QUIET):
        return None
    return row


def begin(row: EvaluationRun, conditions: Conditions, now: datetime) -> None:
    """Only within `alone`."""
    row.state, row.started_at, row.conditions = State.RUNNING, now, conditions.to_json()
    row.done, row.total = 0, 0
    row.save(update_fields=["state", "started_at", "conditions", "done", "total"])


def close(row: EvaluationRun, state: EvaluationRun.State, error: str) -> None:
    """One that came to no figures says why."""
    row.state, row.error, row.finished_at = state, error, timezone.now()
    row.save(update_fields=["state", "error", "finished_at"])


def close_interrupted(now: datetime) -> None:
    """Say of a run whose process died that it was interrupted, and begin it anew once: what kills it twice would do so
    again. Only within `alone`."""
    row = runs().filter(state=State.RUNNING).first()
    if row is None:
        return
    close(row, State.INTERRUPTED, _("Its process ended before it was done."))
    before = runs().filter(pk__lt=row.pk).first()
    if before is None or before.state != State.INTERRUPTED:
        _new(Cause(row.cause), now, row.by_id)


def forget_old_answers(now: datetime) -> int:
    """Delete what was answered long ago; how many answers that were."""
    old = EvaluationAnswer.objects.filter(
        run__tenant=settings.PRIMARY_TENANT_ID, run__finished_at__lt=now - ANSWERS_KEPT
    )
    return old.delete()[0]


@contextmanager
def alone() -> Iterator[None]:
    """Hold the tenant's lock, on a connection of its own; PostgreSQL frees it if this process dies.

    Raises `EvaluationRefused` where another holds it.
    """
    connection = connections.create_connection(DEFAULT_DB_ALIAS)
    try:
        connection.set_autocommit(False)
        with connection.cursor() as cursor:
            name = f"chat.evaluation:{settings.PRIMARY_TENANT_ID}"
            cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", [name])
            if not cursor.fetchone()[0]:
                raise EvaluationRefused(_("An evaluation is at work; wait until it is done."))
        yield
    finally:
        connection.rollback()
        connection.close()
