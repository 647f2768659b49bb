"""What events say in figures. Called by telemetry with each event that this process has recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aion.observing import figures
from aion.observing.figures import Bounded
from telemetry.events import EventKind

ROUTES = ("local", "fallback", "abstain")
_reasons, _codes, _models, _outcomes, _stages = (Bounded() for _ in range(5))


def count(kind: EventKind, value: float, meta: Mapping[str, Any]) -> None:
    """Count one event."""
    figures.EVENTS.labels(kind).inc()
    if kind == EventKind.ANSWER:
        _count_question(meta)
        _count_attempts(meta)  # of a failed question; an answered one tells of them in the event of its fallback
    elif kind == EventKind.FALLBACK:
        _count_attempts(meta)
    elif kind == EventKind.FEEDBACK:
        figures.FEEDBACK.labels("up" if value > 0 else "down" if value < 0 else "none").inc()


def _count_question(meta: Mapping[str, Any]) -> None:
    source = meta.get("source")
    route = source if source in ROUTES else "failed"
    reason = meta.get("reason") or meta.get("error") or "unknown"
    figures.QUESTIONS.labels(route, _reasons(reason)).inc()
    if route == "failed":
        figures.FAILURES.labels(_codes(meta.get("error") or "unknown")).inc()
    if meta.get("C") is not None:
        figures.CONFIDENCE.observe(meta["C"])
    if meta.get("grounded") is not None:
        figures.CHECKED.labels("true" if meta["grounded"] else "false").inc()
    for direction in ("input", "output"):
        tokens = (meta.get("usage") or {}).get(f"{direction}_tokens") or 0
        figures.TOKENS.labels(route, direction).inc(tokens)
    for stage, ms in (meta.get("timings") or {}).items():
        if stage == "total":
            figures.QUESTION_DURATION.labels(route).observe(ms / 1000)
        else:
            figures.STAGE_DURATION.labels(_stages(stage)).observe(ms / 1000)


def _count_attempts(meta: Mapping[str, Any]) -> None:
    for attempt in meta.get("attempts") or ():
        model = _models(attempt["model"])
        figures.PAID_CALLS.labels(model, _outcomes(attempt["outcome"])).inc()
        figures.PAID_COST.labels(model).inc(attempt["cost_usd"])
