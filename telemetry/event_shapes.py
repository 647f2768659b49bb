"""What the details of an event hold, kind by kind, in schema 1. Tests hold what AION records against it.

Keys are added, never renamed nor given another meaning: for that `telemetry.events.SCHEMA` goes up. Of a person who was
erased, texts are "", ids null, and `erased` is there. No kind has a key that is not listed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from telemetry.events import EventKind


class Item(TypedDict):
    """A chunk that a search chose."""

    text: str
    rank: int
    rel: float
    similarity: float
    chunkId: int
    documentId: str
    documentVersion: int
    title: str
    section: str
    page: int | None


class Retrieval(TypedDict, total=False):
    query: str
    items: list[Item]
    features: dict[str, float]
    embedder: str
    generation: int | None
    terms: dict[str, float]
    chunkCount: int
    erased: bool


class Source(TypedDict):
    """A passage behind an answer; packed ones have a number."""

    number: int | None
    cited: bool
    chunkId: int
    documentId: str
    documentVersion: int
    name: str


class Attempt(TypedDict):
    """A paid model that was asked, or why it was not."""

    model: str
    outcome: str
    host: str
    status: int | None
    reservation_id: str | None
    reserved_usd: float
    cost_usd: float
    input_tokens: int | None
    output_tokens: int | None
    first_token_ms: float
    total_ms: float


class _Spent(TypedDict, total=False):
    model: str
    costUsd: float
    reservationId: str | None
    maskedKinds: list[str]
    attempts: list[Attempt]


class Answer(_Spent, total=False):
    """A question, answered or failed (`status`)."""

    prompt: str
    reply: str
    rank: int
    source: str
    status: str
    userId: int | None
    keyId: int | None
    forced: bool
    C: float
    tau: float
    scorer: str
    reason: str
    reasonText: str
    mode: str
    route: str
    adapter: str
    adapterDigest: str
    usage: dict[str, int]
    timings: dict[str, float]
    conversationId: str | None
    caution: str
    grounded: bool | None
    meanLogprob: float | None
    minLogprob: float | None
    pCorrect: float | None
    sources: list[Source]
    retrievalId: str
    error: str
    detail: str
    erased: bool


class Fallback(_Spent, total=False):
    reason: str
    answerId: str
    tag: str
    erased: bool


class Draft(TypedDict, total=False):
    answerId: str
    prompt: str
    reply: str
    passed: bool
    C: float
    mode: str
    grounded: bool | None
    meanLogprob: float | None
    minLogprob: float | None
    adapterDigest: str
    erased: bool


class Feedback(TypedDict, total=False):
    answerId: str
    corrected: bool
    userId: int | None
    keyId: int | None
    erased: bool


class Settings(TypedDict, total=False):
    revision: int
    group: str
    changed: dict[str, Any]
    by: int | None
    reason: str


class Budget(TypedDict):
    percent: int
    limitId: int
    period: str
    group: str
    keyId: int | None
    keyName: str
    limitUsd: float
    spentUsd: float
    windowStart: str
    resetsAt: str


class Loop(TypedDict, total=False):
    alarm: str
    nightId: str
    wishId: int
    adapterId: int | None
    adapter: str
    finding: dict[str, Any]


class Erasure(TypedDict):
    erased: dict[str, dict[str, int]]
    trainingSets: list[str]
    adapters: list[int]


SHAPES: Mapping[EventKind, type] = {
    EventKind.RETRIEVAL: Retrieval,
    EventKind.ANSWER: Answer,
    EventKind.FALLBACK: Fallback,
    EventKind.DRAFT: Draft,
    EventKind.FEEDBACK: Feedback,
    EventKind.SETTINGS: Settings,
    EventKind.BUDGET: Budget,
    EventKind.LOOP: Loop,
    EventKind.ERASURE: Erasure,
}
