"""Counts of labels over time as a chart and its table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from django.utils.translation import gettext as _

from aion.metrics.panel import Cell, Column, Drawing, Empty, Series, Table, Unit
from aion.metrics.period import Period
from telemetry.rollups.reading import Chart, Line

COLOURS = ("teal", "blue", "amber", "red", "violet", "green", "pink")
REST = "gray"
MOST_LINES = 6


def empty_range() -> Empty:
    """Where a period has no question at all."""
    return Empty(_("Nobody asked anything in this period: choose another one, or ask in the chat."), "/", _("Chat"))


def stacked(
    period: Period,
    chart: Chart,
    lines: Sequence[tuple[Line, str]],
    *,
    name: Callable[[str], str],
    unit: Unit = Unit.COUNT,
) -> tuple[Drawing, Table]:
    """A bar an hour or a day, of one part for each of the lines with their colours: counts, or totals of money."""
    names = [line.name or name(line.label) for line, _colour in lines]
    values = [_values(line, unit) for line, _colour in lines]
    series = tuple(
        Series(title, colour, tuple(float(value) for value in points))
        for title, (_line, colour), points in zip(names, lines, values, strict=True)
    )
    drawing = Drawing(tuple(period.label(start) for start in chart.starts), series, unit, stacked=True)
    return drawing, over_time(
        period, chart, [(title, unit, points) for title, points in zip(names, values, strict=True)]
    )


def over_time(period: Period, chart: Chart, columns: Sequence[tuple[str, Unit, Sequence[Cell]]]) -> Table:
    """A row an hour or a day, the columns beside it."""
    heads = (Column(_("Hour") if period.by_hour else _("Day"), Unit.TIME), *(Column(n, u) for n, u, _v in columns))
    starts = [period.time(start) for start in chart.starts]
    return Table(heads, tuple(zip(starts, *(values for _n, _u, values in columns), strict=True)))


def coloured(chart: Chart) -> list[tuple[Line, str]]:
    """The most frequent lines, each with a colour; what is left added up in one more."""
    shown = list(zip(chart.lines[:MOST_LINES], COLOURS, strict=False))
    rest = chart.lines[MOST_LINES:]
    if rest:
        counts = tuple(map(sum, zip(*(line.counts for line in rest), strict=True)))
        totals = tuple(sum(points, Decimal(0)) for points in zip(*(line.totals for line in rest), strict=True))
        shown.append((Line("", _("others"), counts, totals), REST))
    return shown


def shares(parts: Sequence[int], wholes: Sequence[int]) -> tuple[float | None, ...]:
    """Part by whole, None where there was none."""
    return tuple(part / whole if whole else None for part, whole in zip(parts, wholes, strict=True))


def _values(line: Line, unit: Unit) -> tuple[int, ...] | tuple[Decimal, ...]:
    return line.counts if unit == Unit.COUNT else line.totals
