"""How long answers take, and which step of theirs."""

from __future__ import annotations

from django.utils.translation import gettext as _

from aion.metrics import words
from aion.metrics.over_time import empty_range
from aion.metrics.panel import Column, Drawing, Panel, Series, Table, Unit
from aion.metrics.period import Period
from telemetry.question_path import STAGES
from telemetry.rollups import reading

WHOLE = "total"


def stages(period: Period) -> Panel:
    """The middle and the slow of each step, in the order in which they happen."""
    slug, title = "stages", _("Time by step")
    found = {one.stage: one for one in reading.latencies(period.tenant, period.span)}
    if not found:
        return Panel(slug, title, empty=empty_range())
    known = [found[stage] for stage in (*STAGES, WHOLE) if stage in found]
    ordered = known + [one for stage, one in found.items() if one not in known]
    names = tuple(words.stage(one.stage) for one in ordered)
    series = (
        Series("p50", "teal", tuple(one.p50_ms for one in ordered)),
        Series("p95", "amber", tuple(one.p95_ms for one in ordered)),
    )
    columns = (
        Column(_("stage"), Unit.TEXT),
        Column(_("answers")),
        Column(_("mean"), Unit.MS),
        Column("p50", Unit.MS),
        Column("p95", Unit.MS),
    )
    rows = tuple((name, one.n, one.mean_ms, one.p50_ms, one.p95_ms) for name, one in zip(names, ordered, strict=True))
    whole = found.get(WHOLE) or ordered[0]
    values = {"half": words.shown(whole.p50_ms, Unit.MS), "most": words.shown(whole.p95_ms, Unit.MS)}
    said = _("Half of the answers took at most %(half)s, and 95 of 100 at most %(most)s.") % values
    note = _(
        "p50: half took no longer; p95: 95 of 100 took no longer. Answers count in the steps they had. AION's own "
        "work is all but understanding the question and writing."
    )
    drawing = Drawing(names, series, Unit.MS, horizontal=True)
    return Panel(slug, title, said, Table(columns, rows), drawing, note=note)


def whole_time(period: Period) -> Panel:
    """An answer's whole time, over time."""
    slug, title = "latency", _("Time of an answer")
    chart = reading.latency_chart(WHOLE, period.tenant, period.span, grain=period.grain)
    total = sum(point.n for point in chart.points)
    if not total:
        return Panel(slug, title, empty=empty_range())
    labels = tuple(period.label(start) for start in chart.starts)
    series = (
        Series("p50", "teal", tuple(point.p50_ms for point in chart.points), "line"),
        Series("p95", "amber", tuple(point.p95_ms for point in chart.points), "line"),
    )
    columns = (
        Column(_("Hour") if period.by_hour else _("Day"), Unit.TIME),
        Column(_("answers")),
        Column("p50", Unit.MS),
        Column("p95", Unit.MS),
    )
    rows = tuple(
        (period.time(start), point.n, point.p50_ms, point.p95_ms)
        for start, point in zip(chart.starts, chart.points, strict=True)
    )
    slowest = max((point for point in chart.points if point.n), key=lambda point: point.p95_ms or 0)
    place = chart.points.index(slowest)
    values = {"most": words.shown(slowest.p95_ms, Unit.MS), "when": words.shown(rows[place][0], Unit.TIME)}
    said = _("Slowest: %(when)s, where 95 of 100 answers took at most %(most)s.") % values
    return Panel(slug, title, said, Table(columns, rows), Drawing(labels, series, Unit.MS))
