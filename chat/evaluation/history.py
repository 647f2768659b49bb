"""Figures over time: what the page of evaluations draws, and the table behind each drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from chat.evaluation import wording
from chat.evaluation.intervals import Interval
from chat.models import EvaluationRun

WIDE, HIGH = 600, 200
COLOURS = ("local", "other", "third", "wrong")
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of one run; `interval` is None where it has none."""

    value: float | None
    n: int
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """`points` for a polyline, "" where there are fewer than two."""

    colour: str
    label: str
    points: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines in WIDE by HIGH with their axis, and the same as a table: a row a run, newest first, `rows` of its id, its
    moment and a cell a line."""

    title: str
    lines: tuple[Line, ...]
    axis: tuple[tuple[str, str], ...]
    rows: tuple[tuple[int, datetime, tuple[str, ...]], ...]
    first: str
    last: str

    @property
    def is_drawn(self) -> bool:
        return any(line.points for line in self.lines)


def figure_of(row: EvaluationRun, part: str, name: str) -> Figure:
    """A run's figure, of a part of its report."""
    values = row.figures.get(part) or {}
    intervals = (row.figures.get("intervals") or {}).get(part) or {}
    return Figure(values.get(name), _count(values, name), intervals.get(name))


def _count(values: Mapping[str, Any], name: str) -> int:
    """Of how many questions the figure is."""
    asked = int(values.get("n", 0))
    if name in ("grounded", "cited", "seconds_per_answer"):
        return round(asked * (1 - (values.get("refused") or 0)))
    return int(values.get("n_unanswerable", 0)) if name == "refused_unanswerable" else asked


def charts(rows: Sequence[EvaluationRun]) -> list[Chart]:
    """Of runs that came to their end, oldest first."""
    shown = (
        (
            _("Answers"),
            (
                (_("Answered rightly"), "right", "share"),
                (_("Token F1"), "answer", "f1"),
                (_("Hold the expected answer"), "answer", "contains"),
                (_("Passed the check against the documents"), "answer", "grounded"),
            ),
        ),
        (
            _("Retrieval"),
            (
                ("R@1", "retrieval", "r_at_1"),
                ("R@8", "retrieval", "r_at_8"),
                ("nDCG@10", "retrieval", "ndcg_at_10"),
                ("MRR", "retrieval", "mrr"),
            ),
        ),
        (
            _("Refusals, citations and confidence"),
            (
                (_("Told apart (AUROC)"), "gate", "auroc"),
                (_("With a citation"), "answer", "cited"),
                (_("Refused though answerable"), "answer", "refused"),
                (_("Refused rightly (unanswerable)"), "answer", "refused_unanswerable"),
            ),
        ),
        (_("Seconds an answer"), ((_("Seconds an answer"), "answer", "seconds_per_answer"),)),
    )
    return [_chart(title, lines, rows) for title, lines in shown]


def _chart(title: str, lines: Sequence[tuple[str, str, str]], rows: Sequence[EvaluationRun]) -> Chart:
    moments = [row.finished_at or row.created_at for row in rows]
    columns = [[figure_of(row, part, name) for row in rows] for _label, part, name in lines]
    highest = max([1.0, *(one.value for column in columns for one in column if one.value is not None)])
    places = _places(moments)
    cells = zip(*[[_cell(one) for one in column] for column in columns], strict=True)
    table = [(row.pk, moment, texts) for row, moment, texts in zip(rows, moments, cells, strict=True)]
    return Chart(
        title=title,
        lines=tuple(
            Line(colour, label, _points(places, column, highest))
            for colour, (label, _part, _name), column in zip(COLOURS, lines, columns, strict=False)
        ),
        axis=tuple((_y(share), number_format(share * highest, 2)) for share in SHARES),
        rows=tuple(reversed(table)),
        first=_day(moments[0]) if moments else "",
        last=_day(moments[-1]) if moments else "",
    )


def _places(moments: Sequence[datetime]) -> list[float]:
    """Each where it stands in time."""
    if not moments:
        return []
    span = (moments[-1] - moments[0]).total_seconds() or 1.0
    return [WIDE * (moment - moments[0]).total_seconds() / span for moment in moments]


def _points(places: Sequence[float], column: Sequence[Figure], highest: float) -> str:
    known = [
        f"{x:.1f},{_y(one.value / highest)}" for x, one in zip(places, column, strict=True) if one.value is not None
    ]
    return " ".join(known) if len(known) > 1 else ""


def _cell(one: Figure) -> str:
    """`0,870 (0,810 a 0,920)`, with its count."""
    if one.value is None:
        return "—"
    bounds = f" ({wording.interval(one.interval)})" if one.interval else ""
    return f"{wording.number(one.value)}{bounds}, n {one.n}"


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATE_FORMAT")


def _y(share: float) -> str:
    return f"{HIGH * (1 - share):.1f}"
