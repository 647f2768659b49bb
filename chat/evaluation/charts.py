"""A report's charts as coordinates to draw in SVG; the template draws them. Numbers are text, with a point."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chat.evaluation import wording
from chat.reliability import ReliabilityCurve, reliability_curve

WIDTH, HEIGHT = 160, 100
BARS_HEIGHT = 30
BAR_WIDTH = 100

Report = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of question: `slug` chooses the colour, `points` are for a polyline in WIDTH by HEIGHT."""

    slug: str
    label: str
    points: str


@dataclass(frozen=True, slots=True)
class Reliability:
    """Promise against truth for one kind of negative, in a square of 100. `dots` are `x`, `y` and a radius that grows
    with the questions behind it."""

    slug: str
    label: str
    curve: ReliabilityCurve
    dots: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How C is spread over one kind of question: bars of `x`, `y` and `height` in WIDTH by BARS_HEIGHT."""

    slug: str
    label: str
    count: int
    bars: tuple[tuple[str, str, str], ...]
    bar_width: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A length of BAR_WIDTH with its number in words; `low` and `high` are the ends of its interval, "" without one."""

    label: str
    length: str
    text: str
    low: str = ""
    high: str = ""


def reliability(report: Report) -> list[Reliability]:
    return [_reliability(kind, rows) for kind, rows in report["curves"]["reliability"].items()]


def let_through_by_tau(report: Report) -> list[Line]:
    taus = report["curves"]["tau"]
    return [
        Line(kind, wording.kinds()[kind], _points(taus, shares))
        for kind, shares in report["curves"]["answered"].items()
    ]


def tau_mark(report: Report) -> str:
    """Where the threshold in force stands."""
    return _number(WIDTH * float(report["gate"]["tau"]))


def histograms(report: Report) -> list[Histogram]:
    return [_histogram(kind, counts) for kind, counts in report["curves"]["confidence"].items()]


def modes(report: Report) -> list[Bar]:
    """Token F1 by how it was answered, with its interval."""
    answers = report["answer"] or {}
    intervals = (report["intervals"]["answer"] or {}).get("by_mode", {})
    labels = wording.modes()
    return [
        _bar(f"{labels.get(mode, mode)} ({row['n']})", row["f1"], intervals[mode]["f1"])
        for mode, row in answers.get("by_mode", {}).items()
    ]


def times(report: Report) -> list[tuple[str, Bar, Bar]]:
    """Each stage with its p50 and p95, to one scale."""
    measured = {stage: row for stage, row in report["timings_ms"].items() if row["p50"] is not None}
    longest = max((row["p95"] for row in measured.values()), default=0) or 1
    return [
        (wording.stages()[stage], _time("p50", row["p50"], longest), _time("p95", row["p95"], longest))
        for stage, row in measured.items()
    ]


def _reliability(kind: str, rows: Sequence[Mapping[str, Any]]) -> Reliability:
    curve = reliability_curve({"reliability": rows})
    most = max(bin.count for bin in curve.bins)
    radii = [_number(0.7 + 2.3 * math.sqrt(bin.count / most)) for bin in curve.bins]
    dots = tuple((x, y, radius) for (x, y), radius in zip(curve.dots, radii, strict=True))
    return Reliability(kind, wording.kinds()[kind], curve, dots)


def _time(name: str, value: float, longest: float) -> Bar:
    return Bar(name, _number(BAR_WIDTH * value / longest), f"{wording.number(value, 1)} ms")


def _bar(label: str, value: float, bounds: Sequence[float] | None) -> Bar:
    low, high = (_number(BAR_WIDTH * bound) for bound in bounds) if bounds else ("", "")
    words = " ".join(filter(None, (wording.number(value), f"({wording.interval(bounds)})" if bounds else "")))
    return Bar(label, _number(BAR_WIDTH * value), words, low, high)


def _histogram(kind: str, counts: Sequence[int]) -> Histogram:
    width, tallest = WIDTH / len(counts), max(counts) or 1
    heights = [BARS_HEIGHT * count / tallest for count in counts]
    bars = tuple(
        (_number(width * place), _number(BARS_HEIGHT - height), _number(height))
        for place, height in enumerate(heights)
        if height
    )
    return Histogram(kind, wording.kinds()[kind], sum(counts), bars, _number(width * 0.86))


def _points(across: Sequence[float], up: Sequence[float]) -> str:
    return " ".join(f"{_number(WIDTH * x)},{_number(HEIGHT * (1 - y))}" for x, y in zip(across, up, strict=True))


def _number(value: float) -> str:
    return f"{value:.2f}"
