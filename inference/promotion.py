"""From a verdict to who serves: the pointer is moved, live processes follow, the states of adapters with them.

An adapter becomes champion when a process really serves it (`inference.reconciler`), and going back is
`inference.adapters.rollback_adapter`: whatever serves is the champion, whoever was it before is retired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone
from django.utils.translation import gettext as _

from inference.adapters import reload_adapter
from inference.examinations import who_serves
from inference.exceptions import AdapterRejected
from inference.models import Examination

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def promote(examination_id: int, *, by: User | None = None, reason: str = "") -> None:
    """Serve the candidate of an examination, and wait until every live process does.

    A verdict that is against it, or of another champion than the one that serves, is overruled by naming `by` and
    `reason`, which are kept. Raises `AdapterRejected`; whoever served goes on serving then.
    """
    row = Examination.objects.select_related("candidate").filter(pk=examination_id).first()
    if row is None or row.state != Examination.State.DONE:
        raise AdapterRejected("not_examined", _("This examination has come to no verdict."))
    overrules = against(row)
    if overrules and not (by and reason.strip()):
        raise AdapterRejected("not_better", overrules)
    reload_adapter(row.candidate_id, by=by, reason=_pointer_reason(row, reason if overrules else ""))
    if overrules:
        row.overruled_by, row.overruled_reason = by, reason.strip()
    note_promoted(row)


def note_promoted(row: Examination) -> None:
    """Its candidate serves by it."""
    row.promoted_at = timezone.now()
    row.save(update_fields=["promoted_at", "overruled_by", "overruled_reason"])


def against(row: Examination) -> str:
    """What speaks against promoting its candidate now, in a sentence; "" where nothing does."""
    if row.candidate.tainted_at is not None:
        return _("It learned from data that was erased since.")
    if not row.promote:
        return _("The examination did not show that it is better.")
    if row.champion != who_serves():
        return _("It was compared with another adapter than the one that serves now.")
    return ""


def _pointer_reason(row: Examination, overruled: str) -> str:
    return f"overruled: {overruled.strip()}"[:200] if overruled else f"promotion: #{row.pk}"
