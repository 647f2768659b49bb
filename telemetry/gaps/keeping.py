"""What becomes of a gap: whose it is, how it stands, what it is called, which questions are its own.

Trusts its callers on who may. Each change claims its row, so that two people do not undo each other unseen.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Left
from django.utils import timezone

from telemetry.exceptions import NoSuchGap
from telemetry.gaps.unanswered import hold
from telemetry.models import Gap, GapQuestion

State = Gap.State
AT_WORK = (State.OPEN, State.WRITING)


def own(gap_id: int, owner_id: int | None, *, tenant: str) -> None:
    """Whose work it is from now on; None: nobody's. Raises `NoSuchGap`."""
    _change(gap_id, tenant, owner_id=owner_id)


def rename(gap_id: int, name: str, *, by: int, tenant: str) -> None:
    """Give it a name that no night changes; an empty one lets the night name it again. Raises `NoSuchGap`."""
    name = " ".join(name.split())[:120]
    _change(gap_id, tenant, name=name, named_by_id=by if name else None)


def put(gap_id: int, state: State, *, tenant: str) -> None:
    """Set its state. Raises `NoSuchGap`."""
    _change(gap_id, tenant, state=state, state_at=timezone.now(), came_again=False, closed_by_id=None)


def written(gap_id: int, document_id: UUID, *, tenant: str) -> None:
    """A document was written for it. Raises `NoSuchGap`."""
    _change(gap_id, tenant, state=State.WRITING, state_at=timezone.now(), document_id=document_id, closed_by_id=None)


def asked_again(gap_id: int, share: float, *, tenant: str, closed_by: UUID | None = None) -> bool:
    """Keep how much of it is answered now; with `closed_by` it is closed, if it is still worked on: whether it was."""
    now = timezone.now()
    found = Gap.objects.filter(pk=gap_id, tenant=tenant, state__in=AT_WORK)
    if closed_by is None:
        found.update(answered_share=share, checked_at=now)
        return False
    closed = {"state": State.CLOSED, "state_at": now, "closed_by_id": closed_by, "came_again": False}
    return found.update(answered_share=share, checked_at=now, **closed) > 0


def came_again(gap_id: int, *, tenant: str) -> None:
    """Open a closed one: its subject was asked about since, and not answered."""
    closed = Gap.objects.filter(pk=gap_id, tenant=tenant, state=State.CLOSED)
    closed.update(state=State.OPEN, state_at=timezone.now(), came_again=True, closed_by_id=None)


@transaction.atomic
def merge(source_id: int, into_id: int, *, tenant: str) -> None:
    """All questions of one become the other's; what only the first has (owner, name, document) goes along.

    Raises `NoSuchGap`, also where both are the same.
    """
    hold(tenant)
    rows = {row.pk: row for row in Gap.objects.select_for_update().filter(tenant=tenant, pk__in=(source_id, into_id))}
    if len(rows) != 2:
        raise NoSuchGap(f"{source_id}, {into_id}")
    source, into = rows[source_id], rows[into_id]
    GapQuestion.objects.filter(gap=source).update(gap=into)
    if source.named_by_id and not into.named_by_id:
        into.name, into.named_by_id = source.name, source.named_by_id
    into.owner_id = into.owner_id or source.owner_id
    into.document_id = into.document_id or source.document_id
    into.created_at = min(into.created_at, source.created_at)
    source.delete()
    into.save()


@transaction.atomic
def move(question_ids: Collection[int], into_id: int | None, *, tenant: str, now: datetime | None = None) -> int:
    """Put questions under another gap, None being a new one; its id. Raises `NoSuchGap`, also for no question."""
    hold(tenant)
    chosen = GapQuestion.objects.filter(tenant=tenant, pk__in=question_ids)
    first = chosen.order_by("pk").first()
    if first is None:
        raise NoSuchGap("no question")
    if into_id is None:
        now = now or timezone.now()
        into = Gap.objects.create(tenant=tenant, state_at=now, created_at=now, example=first)
    else:
        into = Gap.objects.select_for_update().filter(pk=into_id, tenant=tenant).first()  # type: ignore[assignment]
        if into is None:
            raise NoSuchGap(str(into_id))
    left = set(chosen.exclude(gap=None).exclude(gap=into).values_list("gap_id", flat=True))
    chosen.update(gap=into)
    Gap.objects.filter(pk__in=left, example__gap=into).update(example=None)
    return into.pk


def example_of(gap: Gap) -> str:
    """Its most central question; of a gap whose example is gone its latest."""
    found = gap.example or gap.questions.order_by("-asked_at").first()
    return found.text if found else ""


def others(gap_id: int, tenant: str) -> list[tuple[int, str]]:
    """The gaps that another can be merged with, by id and what they are called; at most 500, the latest first."""
    rows = Gap.objects.filter(tenant=tenant).exclude(pk=gap_id).annotate(asked=Left("example__text", 80))
    return [(row.pk, row.name or row.asked or str(row.pk)) for row in rows.order_by("-pk")[:500]]


def _change(gap_id: int, tenant: str, **values: object) -> None:
    if not Gap.objects.filter(pk=gap_id, tenant=tenant).update(**values):
        raise NoSuchGap(str(gap_id))
