"""What answers cost: tokens and money."""

from __future__ import annotations

from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from aion.metrics import words
from aion.metrics.over_time import coloured, over_time, stacked
from aion.metrics.panel import Column, Drawing, Empty, Panel, Series, Table, Unit
from aion.metrics.period import Period
from telemetry.currency import rate_at
from telemetry.rollups import reading
from telemetry.rollups.reading import Metric


def tokens(period: Period) -> Panel:
    """Tokens read and written, over time."""
    slug, title = "tokens", _("Tokens")
    read = reading.chart(Metric.INPUT_TOKENS, period.tenant, period.span, grain=period.grain)
    written = reading.chart(Metric.OUTPUT_TOKENS, period.tenant, period.span, grain=period.grain)
    ways = ((_("tokens read"), "teal", read), (_("tokens written"), "blue", written))
    sums = [(name, colour, _totals([line.totals for line in one.lines], len(one.starts))) for name, colour, one in ways]
    total = sum(sum(points) for _name, _colour, points in sums)
    if not total:
        text = _("No model was asked in this period: quotations straight from the documents take no tokens.")
        return Panel(slug, title, empty=Empty(text))
    drawing = Drawing(
        tuple(period.label(start) for start in read.starts),
        tuple(Series(name, colour, points) for name, colour, points in sums),
        stacked=True,
    )
    table = over_time(period, read, [(name, Unit.COUNT, points) for name, _colour, points in sums])
    before = sum(int(one.total) for chart in (read, written) for one in chart.before)
    values = {name: words.shown(sum(points), Unit.COUNT) for name, (_n, _c, points) in zip("rw", sums, strict=True)}
    said = _("%(r)s tokens read and %(w)s written.") % values
    change = words.compared(total, before, Unit.COUNT, period.days)
    note = _("The local model's tokens cost time, those of the paid API money.")
    return Panel(slug, title, f"{said} {words.sentence(change)}".strip(), table, drawing, note=note)


def cost(period: Period) -> Panel:
    """What the paid API cost, by model, over time; in R$ at the rate of today."""
    slug, title = "cost", _("Cost of the paid API")
    chart = reading.chart(Metric.COST, period.tenant, period.span, grain=period.grain)
    total = sum((line.total for line in chart.lines), Decimal(0))
    if not total:
        return Panel(slug, title, empty=Empty(_("The paid API cost nothing in this period. There is nothing to do.")))
    rate = rate_at(timezone.now())
    drawing, table = stacked(period, chart, coloured(chart), name=_model, unit=Unit.USD)
    sums = [sum((cell for cell in row[1:] if isinstance(cell, Decimal)), Decimal(0)) for row in table.rows]
    rows = tuple((*row, usd, usd * rate.brl) for row, usd in zip(table.rows, sums, strict=True))
    table = Table((*table.columns, Column("US$", Unit.USD), Column("R$", Unit.BRL)), rows)
    before = sum((one.total for one in chart.before), Decimal(0))
    said = f"{words.shown(total, Unit.USD)} ({words.shown(total * rate.brl, Unit.BRL)})."
    change = words.compared(total, before, Unit.USD, period.days)
    note = _("R$ at the rate of %(day)s, for reading only: limits count in US$.") % {
        "day": date_format(rate.as_of, "SHORT_DATE_FORMAT")
    }
    return Panel(slug, title, f"{said} {words.sentence(change)}".strip(), table, drawing, note=note)


def _model(label: str) -> str:
    return label or _("unnamed model")


def _totals(lines: list[tuple[Decimal, ...]], length: int) -> tuple[int, ...]:
    return tuple(int(sum((line[place] for line in lines), Decimal(0))) for place in range(length))
