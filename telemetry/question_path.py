"""How one answer came to be, put together from its events for the page that shows it. Reads; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from telemetry.models import Event, Feedback
from telemetry.screens import name_of, usd_and_brl

STAGES: Mapping[str, object] = {
    "embed": _("understand the question"),
    "search": _("search"),
    "route": _("confidence and route"),
    "generate": _("write the answer"),
    "check": _("check the answer"),
    "fallback": _("paid API"),
    "overhead": _("AION's own work (all but understanding and writing)"),
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One step's time; `share` is its part of the longest step in percent, for the bar."""

    name: object
    ms: float
    share: int


@dataclass(frozen=True, slots=True)
class QuestionPath:
    """The details of an answer event with its retrieval event, what the paid API was asked, the local answer made
    afterwards ({} where there is none) and the feedback it got. `searched` is what was searched for, "" where that is
    the question as it was typed."""

    meta: Mapping[str, Any]
    candidates: tuple[Mapping[str, Any], ...]
    features: tuple[tuple[str, float], ...]
    stages: tuple[Stage, ...]
    feedback: tuple[Feedback, ...]
    total_ms: float | None
    asker: str
    cost: SafeString | None
    paid_attempts: tuple[Mapping[str, Any], ...]
    draft: Mapping[str, Any]
    searched: str


def question_path(event: Event) -> QuestionPath:
    """Everything known about an answer event."""
    meta: Mapping[str, Any] = event.meta
    retrieval = _retrieval_of(event)
    paid = _about(event, Event.Kind.FALLBACK) if meta.get("source") == "fallback" else meta
    return QuestionPath(
        meta=meta,
        candidates=tuple(retrieval.get("items", ())),
        features=tuple(sorted((retrieval.get("features") or {}).items())),
        stages=_stages(meta),
        feedback=tuple(Feedback.objects.filter(tenant=event.tenant, event_id=event.pk)),
        total_ms=total_ms(meta),
        asker=name_of(meta.get("userId")),
        cost=usd_and_brl(Decimal(str(meta["costUsd"])), 6, at=event.at) if meta.get("costUsd") else None,
        paid_attempts=tuple(paid.get("attempts") or ()),
        searched=_searched(meta, retrieval),
        draft={} if meta.get("source") == "local" else _about(event, Event.Kind.DRAFT),
    )


def _searched(meta: Mapping[str, Any], retrieval: Mapping[str, Any]) -> str:
    query = str(retrieval.get("query") or "")
    return "" if query == str(meta.get("prompt") or "").strip() else query


def total_ms(meta: Mapping[str, Any]) -> float | None:
    """How long an answer took in all; None where it was not timed."""
    timings = meta.get("timings") or {}
    total = timings.get("total")
    return float(total) if total is not None else (sum(timings.values()) or None)


def _about(event: Event, kind: Event.Kind) -> Mapping[str, Any]:
    """The details of the later event that names this answer; {} where there is none."""
    later = Event.objects.filter(tenant=event.tenant, kind=kind, id__gt=event.pk, meta__answerId=str(event.pk))
    found = later.order_by("id").first()
    return found.meta if found else {}


def _retrieval_of(event: Event) -> Mapping[str, Any]:
    retrieval_id = event.meta.get("retrievalId")
    if not retrieval_id:
        return {}
    found = Event.objects.filter(pk=UUID(str(retrieval_id)), tenant=event.tenant, kind=Event.Kind.RETRIEVAL).first()
    meta: Mapping[str, Any] = found.meta if found else {}
    return meta


def _stages(meta: Mapping[str, Any]) -> tuple[Stage, ...]:
    """In the order they happen; the pipeline's own time overlaps the others and comes last."""
    timings = {name: float(ms) for name, ms in (meta.get("timings") or {}).items() if name != "total"}
    longest = max(timings.values(), default=0.0) or 1.0
    order = sorted(timings, key=lambda name: list(STAGES).index(name) if name in STAGES else len(STAGES))
    return tuple(Stage(STAGES.get(name, name), timings[name], round(100 * timings[name] / longest)) for name in order)
