"""A question, who asks it, and what comes back: plain frozen values, and the response body they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from uuid import UUID

from inference.engine import Priority
from retrieval.results import Hidden, RetrievedChunk, SearchScope

Route = Literal["local", "fallback", "abstain"]
Mode = Literal["generated", "quote", ""]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and what they may do. `groups=None` sees every document (a service or a superuser)."""

    user_id: int | None = None
    key_id: int | None = None
    groups: tuple[str, ...] | None = ()
    may_set_tau: bool = False
    may_force: bool = False
    is_service: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked. `generate=False` stops after the route; `record=False` leaves no event (evaluation);
    `earlier` are the questions before it, oldest first, where no conversation holds them; `hidden` and `scope` are for
    calibration and evaluation, never filled from a request."""

    text: str
    tau: float | None = None
    force_fallback: bool = False
    conversation_id: UUID | None = None
    earlier: tuple[str, ...] = ()
    generate: bool = True
    record: bool = True
    hidden: Hidden = field(default_factory=Hidden)
    scope: SearchScope | None = None
    deadline_s: float | None = None
    priority: Priority = Priority.CHAT
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A passage behind an answer. Packed ones have a `number` and can be cited; related ones have none."""

    number: int | None
    cited: bool
    chunk_id: int
    document_id: UUID
    title: str
    section: str
    page: int | None
    name: str
    url: str
    text: str
    similarity: float
    score: float
    document_version: int = 1

    @classmethod
    def of(cls, chunk: RetrievedChunk, number: int | None = None, *, cited: bool = False) -> Source:
        """The source that `chunk` is."""
        return cls(
            number=number,
            cited=cited,
            chunk_id=chunk.chunk_id,
            document_id=chunk.document_id,
            title=chunk.title or "KB",
            section=chunk.section,
            page=chunk.page,
            name=chunk.name,
            url=chunk.url,
            text=chunk.text,
            similarity=round(chunk.similarity, 4),
            score=round(chunk.score, 4),
            document_version=chunk.document_version,
        )

    def as_dict(self) -> dict[str, object]:
        return {
            "number": self.number,
            "cited": self.cited,
            "chunkId": self.chunk_id,
            "documentId": str(self.document_id),
            "documentVersion": self.document_version,
            "title": self.title,
            "section": self.section,
            "page": self.page,
            "name": self.name,
            "url": self.url,
            "text": self.text,
            "similarity": self.similarity,
            "score": self.score,
        }


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """First part of a stream: what the answer will rest on (`cited` is not known yet), and the confidence."""

    sources: tuple[Source, ...]
    confidence: float
    tau: float

    def as_dict(self) -> dict[str, object]:
        return {"sources": [source.as_dict() for source in self.sources], "C": self.confidence, "tau": self.tau}


@dataclass(frozen=True, slots=True)
class SentenceReleased:
    """Text that has passed its check, to be appended to what was shown."""

    text: str


@dataclass(frozen=True, slots=True)
class Replaced:
    """A later sentence failed its check: this text stands instead of all that was shown."""

    text: str


@dataclass(frozen=True, slots=True)
class StillWaiting:
    """Nothing to show yet; sent about once a second so that a hang-up is noticed."""

    stage: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of a question. `confidence` and `tau` are what the route was chosen by; `reason` is a stable code and
    `reason_text` the same in words; `caution` is the warning that `text` begins with where it may not be the answer;
    `timings` are milliseconds; `grounded` is None where nothing was checked; `ranking` is the ids of the chunks found,
    the selected first, for whoever measures retrieval; `query` is what was searched for: the question as it was read
    after the ones before it."""

    text: str
    used: Route
    confidence: float
    tau: float
    reason: str
    reason_text: str
    mode: Mode
    sources: tuple[Source, ...]
    usage: Mapping[str, int]
    timings: Mapping[str, float]
    model: str
    adapter: str
    adapter_digest: str
    event_id: UUID | None
    conversation_id: UUID | None
    cost_usd: Decimal
    warnings: tuple[str, ...]
    grounded: bool | None
    scorer: str
    mean_logprob: float | None = None
    min_logprob: float | None = None
    ranking: tuple[int, ...] = ()
    caution: str = ""
    query: str = ""

    def as_dict(self) -> dict[str, object]:
        """The body of `POST /api/ai/chat`: `text`, `used` and `C` as older clients know them, and AION's own keys."""
        return {
            "text": self.text,
            "used": self.used,
            "C": self.confidence,
            "tau": self.tau,
            "reason": self.reason,
            "reasonText": self.reason_text,
            "mode": self.mode,
            "sources": [source.as_dict() for source in self.sources],
            "usage": dict(self.usage),
            "timings": dict(self.timings),
            "model": self.model,
            "adapter": self.adapter,
            "adapterDigest": self.adapter_digest,
            "eventId": str(self.event_id) if self.event_id else None,
            "conversationId": str(self.conversation_id) if self.conversation_id else None,
            "costUsd": float(self.cost_usd),
            "caution": self.caution,
            "warnings": list(self.warnings),
            "grounded": self.grounded,
            "scorer": self.scorer,
            "query": self.query,
        }


AnswerPart = SourcesFound | SentenceReleased | Replaced | StillWaiting | Answer
