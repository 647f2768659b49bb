"""A calibration's reliability curve as points to draw: what was promised against what came true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Questions whose C was about `predicted` were answerable in the share `observed`; both from 0 to 1."""

    predicted: float
    observed: float
    count: int


@dataclass(frozen=True, slots=True)
class ReliabilityCurve:
    """The bins, and the same as SVG coordinates in a square of 100 by 100 with the origin below left."""

    bins: tuple[ReliabilityBin, ...]

    @property
    def points(self) -> str:
        return " ".join(f"{100 * bin.predicted:.2f},{100 - 100 * bin.observed:.2f}" for bin in self.bins)

    @property
    def dots(self) -> tuple[tuple[str, str], ...]:
        return tuple((f"{100 * bin.predicted:.2f}", f"{100 - 100 * bin.observed:.2f}") for bin in self.bins)


@dataclass(frozen=True, slots=True)
class Against:
    """How well answerable questions are told from one kind of others; `answered` is the share of those let through."""

    kind: object
    figures: Mapping[str, Any]
    answered: float | None


KINDS: Mapping[str, object] = {
    "document": _("the document hidden"),
    "passage": _("only the passage hidden (its neighbours stay)"),
    "unanswerable": _("questions the documents cannot answer"),
}


def kinds_of_negative(report: Mapping[str, Any]) -> tuple[Against, ...]:
    """Each kind of negative in a calibration's report, apart from the others."""
    answered = report.get("answered") or {}
    return tuple(
        Against(KINDS.get(kind, kind), figures, answered.get(kind))
        for kind, figures in (report.get("against") or {}).items()
    )


def reliability_curve(report: Mapping[str, Any]) -> ReliabilityCurve:
    """The curve kept in a calibration's report; without bins where it has none."""
    rows: Sequence[Mapping[str, Any]] = report.get("reliability") or ()
    return ReliabilityCurve(
        tuple(ReliabilityBin(float(row["predicted"]), float(row["observed"]), int(row["count"])) for row in rows)
    )
