"""How one answer came to be, put together from its events for the page that shows it. Reads; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from telemetry.models import Event, Feedback

STAGES = ("embed", "search", "route", "generate")


@dataclass(frozen=True, slots=True)
class Stage:
    """One step's time; `share` is its part of the longest step in percent, for the bar."""

    name: str
    ms: float
    share: int


@dataclass(frozen=True, slots=True)
class QuestionPath:
    """The details of an answer event with its retrieval event and the feedback it got."""

    meta: Mapping[str, Any]
    candidates: tuple[Mapping[str, Any], ...]
    features: tuple[tuple[str, float], ...]
    stages: tuple[Stage, ...]
    feedback: tuple[Feedback, ...]

    @property
    def total_ms(self) -> float | None:
        """The whole time, as recorded, else the sum of the stages; None when nothing was timed."""
        timings = self.meta.get("timings") or {}
        for name in ("total", "totalMs", "total_ms"):
            if name in timings:
                return float(timings[name])
        return sum(stage.ms for stage in self.stages) if self.stages else None


def question_path(event: Event) -> QuestionPath:
    """Everything known about an answer event. Costs two queries only when the parts are looked at on its page."""
    meta: Mapping[str, Any] = event.meta
    retrieval = _retrieval_of(meta)
    return QuestionPath(
        meta=meta,
        candidates=tuple(retrieval.get("items", ())),
        features=tuple(sorted((retrieval.get("features") or meta.get("features") or {}).items())),
        stages=_stages(meta.get("timings") or {}),
        feedback=tuple(Feedback.objects.filter(tenant=event.tenant, event_id=event.pk)),
    )
