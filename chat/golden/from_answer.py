"""What a golden question begins with when it is made from an answer: the question, what people said is right, and
where it may stand. Reads; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from chat.conversations import questions_before
from chat.evaluation.measures import plain_reply
from chat.followups import readings
from retrieval.models import Document, GoldenQuestion
from telemetry.corrections import corrections_of
from telemetry.review_cards import Passage, ReviewCard, review_card


@dataclass(frozen=True, slots=True)
class Place:
    """A passage that was found; `document` is the title that golden questions know it by."""

    name: str
    document: str
    passage: str


@dataclass(frozen=True, slots=True)
class Draft:
    """`cited` is the number (from 1, as text) of the first source that the answer cites, "" where it cites none;
    `earlier` are the questions it cannot be understood without."""

    question: str
    reply: str
    answers: tuple[str, ...]
    earlier: tuple[str, ...]
    sources: tuple[Place, ...]
    cited: str


def draft_from_answer(event_id: UUID) -> Draft:
    """Raises `NoSuchAnswer`."""
    tenant = settings.PRIMARY_TENANT_ID
    card = review_card(event_id, tenant)
    question = str(card.path.meta.get("prompt") or "")
    earlier = questions_before(event_id)
    leans = readings(question, earlier)[0] != question.strip()
    found = [passage for passage in (*card.read, *card.related) if passage.text]
    cited = next((str(number) for number, passage in enumerate(found, start=1) if passage.cited), "")
    return Draft(
        question=question,
        reply=str(card.path.meta.get("reply") or ""),
        answers=_said_right(card, event_id, tenant),
        earlier=earlier if leans else (),
        sources=_places(found),
        cited=cited,
    )


def golden_made_from(event_id: UUID) -> int | None:
    """The golden question that was made from this answer, if one was."""
    made = GoldenQuestion.objects.filter(tenant=settings.PRIMARY_TENANT_ID, event_id=event_id)
    return made.values_list("pk", flat=True).first()


def _said_right(card: ReviewCard, event_id: UUID, tenant: str) -> tuple[str, ...]:
    """What staff wrote, else an asker, without citations; as one answer, whose line ends would make several."""
    better = corrections_of([event_id], tenant).get(event_id, "")
    askers = [feedback.correction for feedback in card.path.feedback if feedback.correction]
    text = " ".join(plain_reply(better or next(iter(askers), "")).split())
    return (text,) if text else ()


def _places(found: list[Passage]) -> tuple[Place, ...]:
    ids = {UUID(passage.document_id) for passage in found if passage.document_id}
    titles = dict(Document.objects.filter(pk__in=ids).values_list("id", "title"))
    return tuple(
        Place(passage.name, titles.get(UUID(passage.document_id), passage.name), passage.text)
        if passage.document_id
        else Place(passage.name, passage.name, passage.text)
        for passage in found
    )
