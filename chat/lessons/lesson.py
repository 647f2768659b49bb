"""A lesson before it is packed: a question, the passages that were found for it, and what is right to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings

from chat import control
from chat.evidence import term_weights
from chat.followups import readings
from chat.golden import Source
from chat.lessons.packing import idf_over
from chat.lessons.sources import KnownQuestion, ReviewedAnswer
from chat.lessons.split import Withheld, is_held_out
from chat.lessons.targets import bare, checked, cited, is_cut, renumbered
from chat.prompts import PackedPassage
from retrieval.results import Hidden, QueryTerm, RetrievedChunk, SearchScope
from retrieval.search import retrieve
from retrieval.text import query_terms, tokens
from telemetry.recorded import RecordedAnswer
from telemetry.training_sets import Exclusion, Origin

ABSTAINED, PAID = "abstain", "fallback"


class LeftOut(Exception):
    """This teaches nothing; why is in `reason`."""

    def __init__(self, reason: Exclusion) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True)
class Lesson:
    """`chunks` are those found, best first; `gold` the ids of those that hold the answer.

    What is right is `reply`, or else the best of `answers` that the evidence holds; with neither, that the context does
    not say. `cites` has the chunk behind each number in `reply`; `weights` are `chat.evidence.term_weights`. `is_paid`:
    the paid API wrote the answer; a correction of one counts as the API's too, since most of it still is.
    """

    id: str
    origin: Origin
    question: str
    at: datetime
    chunks: tuple[RetrievedChunk, ...]
    weights: Mapping[str, float]
    gold: frozenset[int] = frozenset()
    reply: str = ""
    cites: Mapping[int, int] = field(default_factory=dict)
    answers: tuple[str, ...] = ()
    event_id: UUID | None = None
    review_id: str = ""
    golden_id: str = ""
    user_id: int | None = None
    key_id: int | None = None
    is_paid: bool = False

    @property
    def is_refusal(self) -> bool:
        return self.origin is Origin.REFUSAL

    @property
    def source(self) -> RetrievedChunk | None:
        """The first chunk that holds the answer."""
        return next((chunk for chunk in self.chunks if chunk.chunk_id in self.gold), None)

    def is_examined(self, withheld: Withheld) -> bool:
        """Whether the answer, or any part of it, stands in a document held out; one that stands nowhere is by its
        question."""
        if not self.gold:
            return is_held_out(self.question)
        return any(withheld.examines(chunk) for chunk in self.chunks if chunk.chunk_id in self.gold)

    def shown_under(self, withheld: Withheld) -> Lesson:
        """With the chunks that may be shown alone. Raises `LeftOut` where the answer stands in another."""
        if self.is_examined(withheld):
            raise LeftOut(Exclusion.HELD_OUT)
        if any(withheld.restricts(chunk) for chunk in self.chunks if chunk.chunk_id in self.gold):
            raise LeftOut(Exclusion.RESTRICTED)
        return replace(self, chunks=withheld.shown(self.chunks))

    def hidden(self) -> Lesson:
        """The same question without the documents that answer it: a refusal."""
        documents = {chunk.document_id for chunk in self.chunks if chunk.chunk_id in self.gold}
        return replace(
            self,
            id=f"{self.id}-hidden",
            origin=Origin.REFUSAL,
            chunks=tuple(chunk for chunk in self.chunks if chunk.document_id not in documents),
            gold=frozenset(),
        )


def of_review(review: ReviewedAnswer, recorded: RecordedAnswer | None) -> Lesson:
    """What a review teaches, with what was found at answer time. Raises `LeftOut`."""
    answer, retrieval = _usable(review, recorded)
    corrected = review.verdict == "corrected"
    text = bare(review.correction if corrected else review.reply, caution=str(answer.get("caution") or ""))
    if is_cut(text):
        raise LeftOut(Exclusion.CUT)
    refusal = answer.get("source") == ABSTAINED and not corrected
    lesson = Lesson(
        id=f"review-{review.id}",
        origin=Origin.REFUSAL if refusal else Origin.CORRECTED if corrected else Origin.APPROVED,
        question=str(retrieval["query"]),
        at=review.decided_at,
        chunks=_chunks_of(retrieval),
        weights=_weights_of(retrieval),
        event_id=review.event_id,
        review_id=review.id,
        user_id=answer.get("userId"),
        key_id=answer.get("keyId"),
        is_paid=answer.get("source") == PAID,
    )
    return lesson if refusal else _grounded(lesson, text, answer)


def _usable(review: ReviewedAnswer, recorded: RecordedAnswer | None) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """The details of the answer and of what was found for it."""
    if review.verdict == "rejected":
        raise LeftOut(Exclusion.REJECTED)
    if recorded is None:
        raise LeftOut(Exclusion.NO_CONTEXT)
    if recorded.answer.get("status", "answered") != "answered":
        raise LeftOut(Exclusion.FAILED)
    if not recorded.retrieval or not recorded.retrieval.get("items"):
        raise LeftOut(Exclusion.NO_CONTEXT)
    return recorded.answer, recorded.retrieval


def of_golden(known: KnownQuestion, source: Source, withheld: Withheld) -> Lesson:
    """What a golden question teaches, with what is found for it now without what is withheld. Raises `LeftOut`."""
    golden = known.golden
    if withheld.examines_golden(golden, source):
        raise LeftOut(Exclusion.HELD_OUT)
    if golden.answerable is not False and (not golden.answers or not source.hidden_passage.chunk_ids):
        raise LeftOut(Exclusion.SOURCE_NOT_FOUND)
    found = retrieve(
        readings(golden.text, golden.earlier)[0],
        scope=SearchScope(tenant=settings.PRIMARY_TENANT_ID, groups=None),
        settings=control.current().search_settings,
        hidden=Hidden(document_ids=withheld.documents),
    )
    answerable = golden.answerable is not False
    return Lesson(
        id=f"golden-{known.id}",
        origin=Origin.GOLDEN if answerable else Origin.REFUSAL,
        question=found.query,
        at=known.created_at,
        chunks=found.selected,
        weights=term_weights(found.terms, found.chunk_count),
        gold=source.hidden_passage.chunk_ids if answerable else frozenset(),
        answers=golden.answers if answerable else (),
        golden_id=known.id,
        event_id=known.event_id,
    )


def _grounded(lesson: Lesson, text: str, answer: Mapping[str, Any]) -> Lesson:
    """The lesson with its reply, citing its chunks by their place, and with those that reply and reviewer rest on."""
    behind = {int(source["number"]): int(source["chunkId"]) for source in answer.get("sources", ()) if source["number"]}
    cites = dict(enumerate((chunk.chunk_id for chunk in lesson.chunks), start=1))
    places = {chunk_id: place for place, chunk_id in cites.items()}
    placed = {number: places[chunk_id] for number, chunk_id in behind.items() if chunk_id in places}
    whole = [PackedPassage(place, chunk.name, chunk.text) for place, chunk in enumerate(lesson.chunks, start=1)]
    passed = checked(renumbered(text, placed), whole)
    if passed is None:
        raise LeftOut(Exclusion.UNGROUNDED)
    reply, numbers = passed
    gold = {cites[number] for number in numbers} | {behind[number] for number in cited(text) & behind.keys()}
    return replace(lesson, reply=reply, cites=cites, gold=frozenset(gold))


def _chunks_of(retrieval: Mapping[str, Any]) -> tuple[RetrievedChunk, ...]:
    return tuple(
        RetrievedChunk(
            chunk_id=int(item["chunkId"]),
            document_id=UUID(item["documentId"]),
            title=item.get("title") or "",
            section=item.get("section") or "",
            page=item.get("page"),
            text=item["text"],
            url="",
            labels=(),
            rank=item["rank"],
            score=item.get("rel", 0.0),
            similarity=item.get("similarity", 0.0),
            text_score=0.0,
            dense_rank=None,
            text_rank=None,
        )
        for item in retrieval["items"]
    )


def _weights_of(retrieval: Mapping[str, Any]) -> dict[str, float]:
    """What each stem of the question weighed then; of older events that did not say so, what it weighs among what was
    found."""
    if "terms" in retrieval:
        terms = [QueryTerm(term, idf) for term, idf in retrieval["terms"].items()]
        return term_weights(terms, retrieval["chunkCount"])
    stems = [frozenset(tokens(item["text"])) for item in retrieval["items"]]
    idf = idf_over(stems)
    return term_weights([QueryTerm(term, idf.get(term, 0.0)) for term in query_terms(retrieval["query"])], len(stems))
