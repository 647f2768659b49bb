"""Who taught what: from an answer to the adapter that wrote it, its run, its training set and the conversations in it;
and from a conversation's answer to the sets and adapters that learned from it. All queries of it are here.

What was erased is gone from both ways; a tainted set or adapter says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count

from inference.erasure import taught_by
from inference.models import Adapter, TrainingRun
from telemetry.events import EventKind
from telemetry.models import Event, TrainingRow, TrainingSet

ROWS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class TaughtRow:
    """A row of a training set; `question` "" where it comes from no answer, or that was erased."""

    position: int
    origin: str
    event_id: UUID | None
    question: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class TaughtSet:
    """A training set; `origins` are its rows by where they come from, `shown` the first of them."""

    id: UUID
    created_at: datetime
    rows: int
    tainted_at: datetime | None
    origins: tuple[tuple[str, int], ...]
    shown: tuple[TaughtRow, ...]


@dataclass(frozen=True, slots=True)
class Taught:
    """A training: its run, and the set it learned from where that is known."""

    run_id: int
    state: str
    created_at: datetime
    training_set: TaughtSet | None


@dataclass(frozen=True, slots=True)
class AdapterLineage:
    """What an adapter learned from."""

    adapter: Adapter
    trainings: tuple[Taught, ...]


@dataclass(frozen=True, slots=True)
class Learner:
    """A training set that holds an answer, and the adapters trained on it."""

    training_set: TaughtSet
    adapters: tuple[Adapter, ...]


@dataclass(frozen=True, slots=True)
class AnswerLineage:
    """Both ways from an answer: `written_by` None where no adapter of this installation wrote it."""

    event: Event
    written_by: AdapterLineage | None
    learned_by: tuple[Learner, ...]


def lineage_of_answer(event_id: UUID) -> AnswerLineage | None:
    """None where there is no such answer."""
    event = Event.objects.filter(pk=event_id, tenant=settings.PRIMARY_TENANT_ID, kind=EventKind.ANSWER).first()
    if event is None:
        return None
    digest = event.meta.get("adapterDigest")
    adapter = Adapter.objects.filter(digest=digest).first() if digest else None
    written_by = AdapterLineage(adapter, _trainings(adapter)) if adapter else None
    return AnswerLineage(event, written_by, _learners(event_id))


def lineage_of_adapter(adapter_id: int) -> AdapterLineage | None:
    """None where there is no such adapter."""
    adapter = Adapter.objects.filter(pk=adapter_id).first()
    return AdapterLineage(adapter, _trainings(adapter)) if adapter else None


def adapters_taught_by(training_sets: Iterable[UUID]) -> tuple[Adapter, ...]:
    """Those that any run made of these sets."""
    return tuple(Adapter.objects.filter(pk__in=taught_by(list(training_sets))).order_by("pk"))


def _trainings(adapter: Adapter) -> tuple[Taught, ...]:
    runs = adapter.runs.order_by("-pk")
    return tuple(Taught(run.pk, run.get_state_display(), run.created_at, _set_of(run)) for run in runs)


def _set_of(run: TrainingRun) -> TaughtSet | None:
    chosen = run.training_set_id
    row = TrainingSet.objects.filter(pk=chosen).first() if chosen else None
    return _described(row) if row else None


def _described(row: TrainingSet) -> TaughtSet:
    counts = row.training_rows.order_by().values_list("origin").annotate(count=Count("pk")).order_by("-count")
    return TaughtSet(
        id=row.pk,
        created_at=row.created_at,
        rows=row.rows,
        tainted_at=row.tainted_at,
        origins=tuple((_origin(origin), count) for origin, count in counts),
        shown=_with_questions(row.training_rows.order_by("position")[:ROWS_SHOWN]),
    )


def _origin(code: str) -> str:
    return str(TrainingRow.Origin(code).label)


def _with_questions(rows: Iterable[TrainingRow]) -> tuple[TaughtRow, ...]:
    rows = list(rows)
    asked = {row.event_id for row in rows if row.event_id is not None}
    metas = dict(Event.objects.filter(pk__in=asked, tenant=settings.PRIMARY_TENANT_ID).values_list("pk", "meta"))
    return tuple(_with_question(row, metas.get(row.event_id) if row.event_id else None) for row in rows)


def _with_question(row: TrainingRow, meta: Mapping[str, Any] | None) -> TaughtRow:
    return TaughtRow(
        position=row.position,
        origin=_origin(row.origin),
        event_id=None if meta is None else row.event_id,
        question=str((meta or {}).get("prompt") or ""),
        conversation_id=str((meta or {}).get("conversationId") or ""),
    )


def _learners(event_id: UUID) -> tuple[Learner, ...]:
    held = (
        TrainingSet.objects.filter(tenant=settings.PRIMARY_TENANT_ID, training_rows__event_id=event_id)
        .distinct()
        .order_by("-pk")
    )
    return tuple(Learner(_described(row), adapters_taught_by([row.pk])) for row in held)
