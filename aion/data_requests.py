"""What is asked for about one person's data: asked in the panel, done by a worker, told step by step.

A request that a killed worker leaves is taken up again when the next one starts; both kinds can be done twice.
"""

from __future__ import annotations

import functools
from uuid import UUID

from celery.utils.log import get_task_logger
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from aion import erasure, person_copy
from aion.exceptions import ActionFailed
from chat.errors import problem_of
from telemetry.audit.trail import Action, write
from telemetry.exceptions import ExportFailed
from telemetry.locks import held
from telemetry.models import DataRequest

logger = get_task_logger(__name__)
Kind, State = DataRequest.Kind, DataRequest.State
ERASING = gettext_noop("Erasing from tables and files…")
COPYING = gettext_noop("Collecting and writing the file…")


def ask(kind: DataRequest.Kind, user_id: int, *, reason: str, by: int | None) -> DataRequest:
    """Keep the request, write down who asked for it, and call a worker. Raises `ActionFailed` while one runs."""
    from aion.tasks import do_request

    try:
        with transaction.atomic():
            row = DataRequest.objects.create(
                tenant=settings.PRIMARY_TENANT_ID, kind=kind, user_id=user_id, reason=reason, requested_by=by
            )
            action = Action.ERASED if kind == Kind.ERASURE else Action.EXPORTED
            write(action, object_type="telemetry.datarequest", object_id=row.pk, reason=reason, detail=_("Asked for."))
    except IntegrityError as exc:
        raise ActionFailed(_("The same was asked for already and is being done; wait until it ends.")) from exc
    transaction.on_commit(functools.partial(do_request.delay, str(row.pk)), robust=True)
    return row


def unfinished() -> list[UUID]:
    """What waits or was interrupted, oldest first."""
    return list(
        DataRequest.objects.filter(state__in=DataRequest.UNFINISHED).order_by("id").values_list("pk", flat=True)
    )


def do(request_id: UUID) -> None:
    """What was asked for; nothing for one that is done, gone, or being done. A failure is said in its row."""
    with held(f"aion.data_request:{request_id}") as got:
        row = DataRequest.objects.filter(pk=request_id, state__in=DataRequest.UNFINISHED).first() if got else None
        if row is not None and row.user_id is not None:
            _do(row, row.user_id)


def _do(row: DataRequest, user_id: int) -> None:
    try:
        _DOERS[Kind(row.kind)](row, user_id)
    except ExportFailed as exc:
        _end(row, State.FAILED, error=str(exc), path="")
    except Exception as exc:  # outermost edge of a task: said in the row, logged with its traceback
        logger.exception("request %s failed", row.pk)
        _end(row, State.FAILED, error=problem_of(exc).message, path="")


def _erase(row: DataRequest, user_id: int) -> None:
    _step(row, ERASING)
    began = timezone.now()
    receipt = erasure.erase_person(user_id)
    seconds = round((timezone.now() - began).total_seconds(), 1)
    _end(row, State.DONE, receipt=erasure.as_dict(receipt) | {"seconds": seconds}, user_id=None)
    write(Action.ERASED, object_type="telemetry.datarequest", object_id=row.pk, detail=_("Done."), reason=row.reason)


def _copy(row: DataRequest, user_id: int) -> None:
    _step(row, COPYING)
    target = person_copy.folder() / f"{row.pk}.zip"
    DataRequest.objects.filter(pk=row.pk).update(path=str(target))  # known before it is there: an erasure finds it
    copy = person_copy.write_copy(user_id, target)
    _end(row, State.DONE, receipt={"entries": dict(copy.entries), "bytes": copy.size_bytes})
    write(Action.EXPORTED, object_type="telemetry.datarequest", object_id=row.pk, detail=_("Done."), reason=row.reason)


def _step(row: DataRequest, step: str) -> None:
    DataRequest.objects.filter(pk=row.pk).update(state=State.RUNNING, step=step)


def _end(row: DataRequest, state: DataRequest.State, **outcome: object) -> None:
    """One who failed may be asked for again; of whom it was is known only as long as something is to be done."""
    values = {"state": state, "step": "", "finished_at": timezone.now(), **outcome}
    DataRequest.objects.filter(pk=row.pk).update(**values)


_DOERS = {Kind.ERASURE: _erase, Kind.COPY: _copy}
