"""What staff say of answers: approve, correct or reject. Knows no HTTP and trusts its caller on who reviews.

An answer has one verdict in force, known by the moment it was given. Whoever changes it says which one they saw, so
that two reviewers never overwrite each other unnoticed; earlier ones stay in the history.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from telemetry.events import EventKind, EventRecord, find_event
from telemetry.exceptions import CorrectionInvalid, NoSuchAnswer, ReviewedMeanwhile
from telemetry.models import Review

MOST_CHARACTERS = 8000  # of a correction, as of an asker's
Verdict = Review.Verdict


@transaction.atomic
def decide(
    event_id: UUID,
    verdict: Verdict,
    *,
    tenant: str,
    by: int,
    correction: str = "",
    instead_of: datetime | None = None,
) -> Review:
    """Put a verdict on an answer in force, in the place of the one given at `instead_of` (None: of none).

    "Not found in the documents" is an answer too: approved where there is nothing to find, corrected by the answer
    that was missed. Sent twice it is kept once. Raises `NoSuchAnswer`, `CorrectionInvalid` for a correction that is
    empty, too long or the reply itself, and `ReviewedMeanwhile` where somebody else was quicker.
    """
    answer = reviewable(event_id, tenant)
    reply = str(answer.meta.get("reply") or "")
    better = _better(correction, reply) if verdict is Verdict.CORRECTED else ""
    given = {"verdict": verdict, "correction": better, "reviewer_id": by}
    review = in_force(event_id, tenant, for_update=True)
    if review is None:
        question = str(answer.meta.get("prompt") or "")
        review = Review(tenant=tenant, event_id=event_id, question=question, reply=reply)
    elif all(getattr(review, name) == value for name, value in given.items()):
        return review
    elif review.decided_at != instead_of:
        raise ReviewedMeanwhile(review.verdict, review.reviewer_id)
    for name, value in given.items():
        setattr(review, name, value)
    review.decided_at = timezone.now()
    return _saved(review)


@transaction.atomic
def undo(event_id: UUID, *, tenant: str, by: int, decided_at: datetime) -> Review | None:
    """Take back the verdict that `by` gave at `decided_at`; return the one before, now in force again, if there is one.

    Raises `ReviewedMeanwhile` where that verdict is no longer in force.
    """
    review = in_force(event_id, tenant, for_update=True)
    if review is None or (review.decided_at, review.reviewer_id) != (decided_at, by):
        raise ReviewedMeanwhile(review.verdict if review else "", review.reviewer_id if review else None)
    before = review.history.filter(decided_at__lt=decided_at).order_by("-history_id").first()
    if before is None:
        review.delete()
        return None
    for name in ("verdict", "correction", "reviewer_id", "decided_at"):
        setattr(review, name, getattr(before, name))
    review.save()
    return review


def in_force(event_id: UUID, tenant: str, *, for_update: bool = False) -> Review | None:
    """The verdict on an answer; inside a transaction it can be held until its end."""
    reviews = Review.objects.select_for_update() if for_update else Review.objects
    return reviews.filter(tenant=tenant, event_id=event_id).first()


def latest_of(reviewer_id: int, tenant: str, *, since: datetime) -> Review | None:
    """The last verdict that somebody gave since then and that is still in force."""
    given = Review.objects.filter(tenant=tenant, reviewer_id=reviewer_id, decided_at__gte=since)
    return given.order_by("-decided_at").first()


def reviewable(event_id: UUID, tenant: str) -> EventRecord:
    """The answer with this id. Raises `NoSuchAnswer`, also for a question that failed."""
    event = find_event(event_id, tenant)
    if event is None or event.kind != EventKind.ANSWER or event.meta.get("status", "answered") != "answered":
        raise NoSuchAnswer(str(event_id))
    return event


def _better(correction: str, reply: str) -> str:
    better = correction.replace("\r\n", "\n").strip()
    if not better or better == reply.strip() or len(better) > MOST_CHARACTERS:
        raise CorrectionInvalid(f"a correction of {len(better)} characters")
    return better


def _saved(review: Review) -> Review:
    try:
        with transaction.atomic():
            review.save()
    except IntegrityError as exc:  # no row to hold: two first verdicts at the same moment
        winner = in_force(review.event_id, review.tenant)
        if winner is None:
            raise
        raise ReviewedMeanwhile(winner.verdict, winner.reviewer_id) from exc
    return review
