"""Which answers become rows of a dataset, and what is said of those that do not. Reads events, writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import F, Func, JSONField, TextField, Value
from django.db.models.fields.json import KeyTextTransform

from telemetry.corrections import corrections_of
from telemetry.events import EventKind
from telemetry.masking import Masked, Texts, mask_batches
from telemetry.models import Event, Feedback
from telemetry.partitions import lowest_id

EXAMPLES = 5  # ids of excluded answers that a manifest names for each reason
BATCH = 500  # answers in memory at a time, and masked together
KEPT_META = (  # neither who asked nor texts that were not masked
    *("C", "tau", "reason", "mode", "route", "model", "adapter", "adapterDigest"),
    *("usage", "timings", "costUsd", "grounded", "status", "retrievalId"),
)
LEFT_IN_THE_DATABASE = ["prompt", "reply", "sources", "reasonText", "userId", "keyId", "conversationId", "detail"]


@dataclass(frozen=True, slots=True)
class Row:
    """One answer, its personal data masked for good, and what staff would have said instead, if they did.

    `is_fit` tells whether it belongs in the dataset; an unfit one is there for its correction.
    """

    id: UUID
    at: datetime
    value: float
    schema: int
    prompt: str
    reply: str
    correction: str
    is_fit: bool
    source: str
    vote: int | None
    meta: Mapping[str, Any]
    masked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An answer in which personal data was still found after masking: where it is, of which kinds, never the text."""

    id: UUID
    kinds: tuple[str, ...]


@dataclass
class Tally:
    """What happened to the answers looked at: how many became rows, what each filter excluded, what was masked."""

    considered: int = 0
    rows: int = 0
    preferences: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    masked: Counter[str] = field(default_factory=Counter)

    def exclude(self, reason: str, event_id: UUID) -> None:
        self.excluded[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append(str(event_id))

    def include(self, row: Row) -> None:
        self.rows += row.is_fit
        self.preferences += bool(row.correction)
        self.masked.update(row.masked)

    def exclusions(self) -> dict[str, Any]:
        return {reason: {"rows": n, "examples": self.examples[reason]} for reason, n in self.excluded.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer event as it is read, not yet masked, and why it is no row, if it is not."""

    id: UUID
    at: datetime
    value: float
    schema: int
    prompt: str
    reply: str
    meta: Mapping[str, Any]
    vote: int | None
    correction: str
    why_not: str

    def texts(self) -> Texts:
        return (self.prompt, self.reply, self.correction) if self.correction else (self.prompt, self.reply)


def rows(
    *, tenant: str, since: datetime, until: datetime, include_provider: bool, tally: Tally
) -> Iterator[Row | Quarantined]:
    """The answers of `[since, until)` that may be trained on or learned from, oldest first, few in memory at a time.

    Raises MaskingStopped where a process that masks died.
    """
    pages = read_answers(tenant, since, until, include_provider=include_provider)
    for page, masked in mask_batches(_fit_to_mask(pages, tally)):
        for answer, texts in zip(page, masked, strict=True):
            if texts.left:
                tally.exclude("personal_data_left", answer.id)
                yield Quarantined(answer.id, texts.left)
            else:
                row = _row(answer, texts)
                tally.include(row)
                yield row


def _fit_to_mask(pages: Iterator[list[Answer]], tally: Tally) -> Iterator[tuple[list[Answer], list[Texts]]]:
    """Count what is looked at and left out, page by page; pass on what is a row or has a correction."""
    for page in pages:
        tally.considered += len(page)
        for answer in page:
            if answer.why_not:
                tally.exclude(answer.why_not, answer.id)
        kept = [answer for answer in page if not answer.why_not or answer.correction]
        yield kept, [answer.texts() for answer in kept]


class _Without(Func):
    """The JSON object without some keys: texts that nobody needs stay in the database."""

    template = "(%(expressions)s)"
    arg_joiner = " - "


def read_answers(tenant: str, since: datetime, until: datetime, *, include_provider: bool) -> Iterator[list[Answer]]:
    """Page by page after the last id: no cursor stays open on the server while files are written."""
    keys = Value(LEFT_IN_THE_DATABASE, output_field=ArrayField(TextField()))
    answers = (
        Event.objects.filter(tenant=tenant, kind=EventKind.ANSWER, id__lt=lowest_id(until))
        .order_by("id")
        .values_list(
            *("id", "at", "value", "schema"),
            KeyTextTransform("prompt", "meta"),
            KeyTextTransform("reply", "meta"),
            _Without(F("meta"), keys, output_field=JSONField()),
        )
    )
    page = list(answers.filter(id__gte=lowest_id(since))[:BATCH])
    while page:
        yield list(_answers(page, tenant, include_provider=include_provider))
        page = list(answers.filter(id__gt=page[-1][0])[:BATCH])


def _answers(page: Sequence[tuple[Any, ...]], tenant: str, *, include_provider: bool) -> Iterator[Answer]:
    ids = [event[0] for event in page]
    given = Feedback.objects.filter(event_id__in=ids).order_by("created_at", "id").values_list("event_id", "vote")
    votes = dict(given)  # the last one holds
    corrections = corrections_of(ids, tenant)
    for event_id, at, value, schema, prompt, reply, meta in page:
        vote = votes.get(event_id)
        why_not = _why_not(prompt or "", reply or "", meta, vote, include_provider=include_provider)
        correction = corrections.get(event_id, "") if why_not in CORRECTABLE else ""
        yield Answer(event_id, at, value, schema, prompt or "", reply or "", meta, vote, correction, why_not)


CORRECTABLE = ("", "doubtful", "ungrounded", "disliked")  # a worse answer teaches beside a better one


def _why_not(prompt: str, reply: str, meta: Mapping[str, Any], vote: int | None, *, include_provider: bool) -> str:
    """Why an answer is left out, "" where it is not: the first reason that holds is counted."""
    source = meta.get("source")
    reasons = (
        ("failed", meta.get("status", "answered") != "answered"),
        ("abstained", source == "abstain"),
        ("provider", source != "local" and not include_provider),
        ("empty", not prompt.strip() or not reply.strip()),
        ("doubtful", meta.get("reason") == "low_confidence_warned"),
        ("ungrounded", meta.get("grounded") is False),
        ("disliked", vote == -1),
    )
    return next((reason for reason, holds in reasons if holds), "")


def _row(answer: Answer, masked: Masked) -> Row:
    prompt, reply, *corrected = masked.texts
    return Row(
        id=answer.id,
        at=answer.at,
        value=answer.value,
        schema=answer.schema,
        prompt=prompt,
        reply=reply,
        correction=corrected[0] if corrected else "",
        is_fit=not answer.why_not,
        source=answer.meta.get("source", ""),
        vote=answer.vote,
        meta={key: answer.meta[key] for key in KEPT_META if key in answer.meta},
        masked=masked.kinds,
    )
