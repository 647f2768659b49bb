"""Would the questions of a gap be answered now? Asked again up to the route: nothing is written, spent or recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from chat import control
from chat.answering import answer
from chat.answers import Asker, Question
from chat.drafts import groups_of
from chat.evaluation.asking import GATED, UNPAID
from inference.engine import Priority
from inference.exceptions import DeadlineExceeded
from retrieval.models import Document
from telemetry.gaps import keeping
from telemetry.models import Gap, GapQuestion

ANSWERED_SHARE = 0.8
"""Of its questions; below it somebody still asks in vain."""
MOST_ASKED = 12
MOST_GAPS = 500
_ROUTED_WELL = (GapQuestion.Why.DISLIKED, GapQuestion.Why.REJECTED)


@dataclass(frozen=True, slots=True)
class Again:
    """How many questions were asked again, how many would be answered here, and by which document most of them."""

    asked: int
    answered: int
    document_id: UUID | None
    closed: bool = False

    @property
    def share(self) -> float:
        return self.answered / self.asked if self.asked else 0.0


def ask_all_again() -> int:
    """Every gap that is worked on, the one looked at longest ago first; how many closed. Raises the search's errors."""
    gaps = Gap.objects.filter(tenant=settings.PRIMARY_TENANT_ID, state__in=keeping.AT_WORK)
    ids = list(gaps.order_by("checked_at", "pk").values_list("pk", flat=True)[:MOST_GAPS])
    return sum(ask_again(gap_id).closed for gap_id in ids)


def ask_again(gap_id: int) -> Again:
    """Ask its latest questions and close it where `ANSWERED_SHARE` of them are answered. Raises the search's errors."""
    rows = GapQuestion.objects.filter(gap_id=gap_id, counted=True, tenant=settings.PRIMARY_TENANT_ID)
    questions = list(rows.order_by("-asked_at", "-pk")[:MOST_ASKED])
    by = [_answered_by(question) for question in questions]
    documents = Counter(document for document in by if document is not None)
    leading = documents.most_common(1)[0][0] if documents else None
    again = Again(len(questions), sum(documents.values()), leading)
    closes = bool(questions) and again.share >= ANSWERED_SHARE
    closed = keeping.asked_again(
        gap_id, again.share, tenant=settings.PRIMARY_TENANT_ID, closed_by=leading if closes else None
    )
    return Again(again.asked, again.answered, leading, closed)


def _answered_by(asked: GapQuestion) -> UUID | None:
    """The first document of the answer that its asker would get here; None where they would get none.

    What was answered here before, and badly, counts only if it now rests on a document that changed since.
    """
    question = Question(text=asked.text, generate=False, record=False, priority=Priority.BATCH)
    try:
        with control.instead(**GATED, **UNPAID):
            given = answer(question, asker=Asker(groups=groups_of(asked.user_id)))
    except DeadlineExceeded:
        return None  # the next night asks again
    read = [source.document_id for source in given.sources if source.number is not None]
    if given.used != "local" or not read:
        return None
    if asked.why in _ROUTED_WELL:
        return _newer(read, asked.asked_at)
    return read[0]


def _newer(document_ids: Sequence[UUID], since: datetime) -> UUID | None:
    changed = set(Document.objects.filter(pk__in=document_ids, updated_at__gt=since).values_list("pk", flat=True))
    return next((document_id for document_id in document_ids if document_id in changed), None)
