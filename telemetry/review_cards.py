"""One answer as the review queue shows it: the question, the answer, what it rests on, and why it is there. Reads;
decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from telemetry.exceptions import NoSuchAnswer
from telemetry.models import Question, Review
from telemetry.question_path import QuestionPath, question_path
from telemetry.review_queue import Waiting, Why
from telemetry.reviews import in_force
from telemetry.screens import name_of


@dataclass(frozen=True, slots=True)
class Passage:
    """What the search found, as it stood then. `number` is the one the answer cites it by; None: it was not read."""

    number: int | None
    cited: bool
    name: str
    text: str
    document_id: str
    chunk_id: int | None


@dataclass(frozen=True, slots=True)
class ReviewCard:
    """An answer event with its path; `review` is the verdict in force, `better` what the text field holds at first."""

    event: Question
    path: QuestionPath
    read: tuple[Passage, ...]
    related: tuple[Passage, ...]
    why: tuple[str, ...]
    review: Review | None
    reviewer: str
    better: str

    @property
    def seen(self) -> str:
        """The moment of the verdict in force, to be sent back with a new one; "" where there is none."""
        return self.review.decided_at.isoformat() if self.review else ""


def review_card(event_id: UUID, tenant: str, *, why: tuple[Why, ...] = (), better: str | None = None) -> ReviewCard:
    """The card of an answer; `better` is what was already typed. Raises `NoSuchAnswer`."""
    event = Question.objects.filter(pk=event_id, tenant=tenant, kind=Question.Kind.ANSWER).first()
    if event is None or event.meta.get("status", "answered") != "answered":
        raise NoSuchAnswer(str(event_id))
    path, review = question_path(event), in_force(event_id, tenant)
    passages = _passages(path)
    return ReviewCard(
        event=event,
        path=path,
        read=tuple(passage for passage in passages if passage.number is not None),
        related=tuple(passage for passage in passages if passage.number is None),
        why=tuple(map(in_words, why)),
        review=review,
        reviewer=name_of(review.reviewer_id) if review else "",
        better=_proposal(path, review) if better is None else better,
    )


def card_of(waiting: Waiting | None, tenant: str) -> ReviewCard | None:
    """The card of what waits; None where nothing does."""
    return review_card(waiting.event_id, tenant, why=waiting.why) if waiting else None


def in_words(why: Why) -> str:
    """Why an answer should be looked at, in the reader's language."""
    if why.kind == "near_tau":
        distance = number_format(round(why.amount, 2), 2)
        return _("close to tau (%(distance)s away)") % {"distance": distance}
    if why.kind == "asked_often":
        times = int(why.amount)
        return ngettext("asked %(times)d time, no sure answer", "asked %(times)d times, no sure answer", times) % {
            "times": times
        }
    return {
        "against_check": _("whoever asked disagrees with the check"),
        "askers_disagree": _("people who asked this disagree"),
        "draft_differs": _("the local model would say something else"),
    }[why.kind]


def _proposal(path: QuestionPath, review: Review | None) -> str:
    """What to begin a correction with: the one in force, an asker's, else the reply; nothing where that is none."""
    if review and review.correction:
        return review.correction
    askers = [feedback.correction for feedback in path.feedback if feedback.correction]
    if askers:
        return askers[0]
    return "" if path.meta.get("source") == "abstain" else str(path.meta.get("reply") or "")


def _passages(path: QuestionPath) -> tuple[Passage, ...]:
    """What was read, by its numbers, then what was merely found, by rank."""
    found: Mapping[Any, Mapping[str, Any]] = {item.get("chunkId"): item for item in path.candidates}
    read = [source for source in path.meta.get("sources") or () if source.get("number") is not None]
    known = {source.get("chunkId") for source in read}
    numbered = [_passage(source | _text_of(found.get(source.get("chunkId")))) for source in read]
    return (*numbered, *(_passage(item) for item in path.candidates if item.get("chunkId") not in known))


def _text_of(item: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"text": item.get("text")} if item else {}


def _passage(row: Mapping[str, Any]) -> Passage:
    return Passage(
        number=row.get("number"),
        cited=bool(row.get("cited")),
        name=str(row.get("name") or row.get("title") or "KB"),
        text=str(row.get("text") or ""),
        document_id=str(row.get("documentId") or ""),
        chunk_id=row.get("chunkId"),
    )
