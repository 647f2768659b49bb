"""What lessons are made of: answers that staff reviewed, and golden questions. Askers' feedback is not among it: it
says what to look at, and who may click may not teach."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from chat.golden import GoldenQuestion
from retrieval.judgements import places_judged
from retrieval.models import GoldenQuestion as GoldenRow
from telemetry.models import Review

MOST_REVIEWS = 20_000

Judgement = Literal["approved", "corrected", "rejected"]


@dataclass(frozen=True, slots=True)
class ReviewedAnswer:
    """What a member of staff said of an answer; `correction` is "" but where it was corrected."""

    id: str
    event_id: UUID
    verdict: Judgement
    question: str
    reply: str
    correction: str
    reviewer_id: int | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class KnownQuestion:
    """A golden question that is in use; `event_id` is the answer it was made from, where it was."""

    id: str
    golden: GoldenQuestion
    created_at: datetime
    event_id: UUID | None = None


def reviewed_answers(tenant: str, since: datetime, until: datetime) -> tuple[ReviewedAnswer, ...]:
    """The latest `MOST_REVIEWS` decided in [since, until), newest first."""
    rows = Review.objects.filter(tenant=tenant, decided_at__gte=since, decided_at__lt=until)
    return tuple(
        ReviewedAnswer(
            id=str(row.pk),
            event_id=row.event_id,
            verdict=cast(Judgement, row.verdict),
            question=row.question,
            reply=row.reply,
            correction=row.correction,
            reviewer_id=row.reviewer_id,
            decided_at=row.decided_at,
        )
        for row in rows.order_by("-decided_at", "-pk")[:MOST_REVIEWS]
    )


def known_questions(tenant: str, until: datetime) -> tuple[KnownQuestion, ...]:
    """The golden questions in use that were there before `until`, newest first."""
    rows = GoldenRow.objects.filter(tenant=tenant, is_active=True, created_at__lt=until)
    judged = places_judged(rows.values_list("pk", flat=True), relevant=True)
    return tuple(
        KnownQuestion(
            id=str(row.pk),
            golden=GoldenQuestion(
                text=row.question,
                answers=tuple(row.answers),
                document=row.document,
                passage=row.passage,
                answerable=row.answerable,
                kind=row.kind,
                earlier=tuple(row.earlier),
                elsewhere=judged.get(row.pk, ()),
            ),
            created_at=row.created_at,
            event_id=row.event_id,
        )
        for row in rows.order_by("-created_at", "-pk")
    )
