"""Which answers become rows of a dataset, and what is said of those that do not. Reads events, writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery

from telemetry.events import EventKind
from telemetry.exceptions import PersonalDataLeft
from telemetry.models import Event, Feedback
from telemetry.partitions import lowest_id
from telemetry.pii import redact_together

EXAMPLES = 5  # ids of excluded answers that a manifest names for each reason
BATCH = 500  # answers in memory at a time
KEPT_META = (  # neither who asked nor texts that were not masked
    *("C", "tau", "reason", "mode", "route", "model", "adapter", "adapterDigest"),
    *("usage", "timings", "costUsd", "grounded", "status", "retrievalId"),
)


@dataclass(frozen=True)
class Row:
    """One answer, its personal data masked for good."""

    id: UUID
    at: datetime
    value: float
    schema: int
    prompt: str
    reply: str
    source: str
    vote: int | None
    meta: Mapping[str, Any]
    masked: tuple[str, ...]


@dataclass
class Tally:
    """What happened to the answers looked at: how many became rows, what each filter excluded, what was masked."""

    considered: int = 0
    rows: int = 0
    excluded: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    masked: Counter[str] = field(default_factory=Counter)

    def exclude(self, reason: str, event_id: UUID) -> None:
        self.excluded[reason] += 1
        examples = self.examples.setdefault(reason, [])
        if len(examples) < EXAMPLES:
            examples.append(str(event_id))

    def include(self, row: Row) -> None:
        self.rows += 1
        self.masked.update(row.masked)

    def exclusions(self) -> dict[str, Any]:
        return {reason: {"rows": n, "examples": self.examples[reason]} for reason, n in self.excluded.items()}


def rows(*, tenant: str, since: datetime, until: datetime, include_provider: bool, tally: Tally) -> Iterator[Row]:
    """The answers of `[since, until)` that may be trained on, oldest first, a batch in memory at a time."""
    for event in _answers(tenant, since, until):
        tally.considered += 1
        reason = _why_not(event, include_provider=include_provider)
        row = None if reason else _row(event)
        if row is None:
            tally.exclude(reason or "personal_data_left", event.id)
        else:
            tally.include(row)
            yield row


def _answers(tenant: str, since: datetime, until: datetime) -> Iterator[Event]:
    """Page by page after the last id: no cursor stays open on the server while files are written."""
    vote = Feedback.objects.filter(event_id=OuterRef("id")).order_by("-created_at", "-id").values("vote")[:1]
    answers = Event.objects.filter(tenant=tenant, kind=EventKind.ANSWER, id__lt=lowest_id(until))
    answers = answers.annotate(vote=Subquery(vote)).order_by("id")
    page = list(answers.filter(id__gte=lowest_id(since))[:BATCH])
    while page:
        yield from page
        page = list(answers.filter(id__gt=page[-1].id)[:BATCH])


# Every reason to leave an answer out, the first that holds is counted.
FILTERS: tuple[tuple[str, Callable[[Mapping[str, Any]], bool]], ...] = (
    ("failed", lambda meta: meta.get("status", "answered") != "answered"),
    ("abstained", lambda meta: meta.get("source") == "abstain"),
    ("provider", lambda meta: meta.get("source") != "local"),
    ("empty", lambda meta: not str(meta.get("prompt") or "").strip() or not str(meta.get("reply") or "").strip()),
    ("doubtful", lambda meta: meta.get("reason") == "low_confidence_warned"),
    ("ungrounded", lambda meta: meta.get("grounded") is False),
)


def _why_not(event: Event, *, include_provider: bool) -> str | None:
    for reason, holds in FILTERS:
        if holds(event.meta) and not (reason == "provider" and include_provider):
            return reason
    return "disliked" if getattr(event, "vote", None) == -1 else None


def _row(event: Event) -> Row | None:
    """The row of an answer; None where personal data is still found after masking."""
    meta = event.meta
    try:
        prompt, reply = redact_together((meta["prompt"], meta["reply"]))
    except PersonalDataLeft:
        return None
    return Row(
        id=event.id,
        at=event.at,
        value=event.value,
        schema=event.schema,
        prompt=prompt.text,
        reply=reply.text,
        source=meta.get("source", ""),
        vote=getattr(event, "vote", None),
        meta={key: meta[key] for key in KEPT_META if key in meta},
        masked=prompt.kinds,
    )
