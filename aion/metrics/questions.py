"""What was asked, and what became of it."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from aion.metrics import words
from aion.metrics.over_time import coloured, empty_range, over_time, shares, stacked
from aion.metrics.panel import Drawing, Empty, Panel, Series, Unit
from aion.metrics.period import Period
from telemetry.models import Review
from telemetry.rollups import reading
from telemetry.rollups.bins import wilson
from telemetry.rollups.reading import Metric

ROUTES = (("local", "teal"), ("fallback", "blue"), ("abstain", "amber"), ("failed", "red"))
VOTES = (("up", "teal"), ("down", "red"), ("corrected", "amber"))
REVIEWS = (("approved", "teal"), ("corrected", "amber"), ("rejected", "red"))


def routes(period: Period) -> Panel:
    """Answers by route, over time."""
    chart = reading.chart(Metric.ROUTE, period.tenant, period.span, grain=period.grain)
    slug, title = "routes", _("Questions and the way they went")
    lines = [(chart.line(code), colour) for code, colour in ROUTES]
    asked = sum(line.count for line, _colour in lines)
    if not asked:
        return Panel(slug, title, empty=empty_range())
    drawing, table = stacked(period, chart, lines, name=words.route)
    parts = [
        _("%(share)s %(name)s") % {"share": words.percent(line.count / asked), "name": words.route(line.label)}
        for line, _colour in lines
    ]
    before = sum(chart.count_before(code) for code, _colour in ROUTES)
    change = words.compared(asked, before, Unit.COUNT, period.days)
    said = f"{words.questions(asked)}: {', '.join(parts)}."
    return Panel(slug, title, f"{said} {words.sentence(change)}".strip(), table, drawing)


def reasons(period: Period) -> Panel:
    """Why answers took their way, over time."""
    chart = reading.chart(Metric.REASON, period.tenant, period.span, grain=period.grain)
    slug, title = "reasons", _("Why they went that way")
    total = sum(line.count for line in chart.lines)
    if not total:
        return Panel(slug, title, empty=empty_range())
    drawing, table = stacked(period, chart, coloured(chart), name=words.reason)
    first = chart.lines[0]
    said = _("Most often: %(reason)s, %(share)s of %(count)s.") % {
        "reason": words.reason(first.label),
        "share": words.percent(first.count / total),
        "count": words.questions(total),
    }
    return Panel(
        slug, title, said, table, drawing, note=_("The reason why a question was answered here, sent on or not.")
    )


def errors(period: Period) -> Panel:
    """Failures by what went wrong, over time."""
    chart = reading.chart(Metric.ERROR, period.tenant, period.span, grain=period.grain)
    slug, title = "errors", _("Failures")
    total = sum(line.count for line in chart.lines)
    if not total:
        return Panel(slug, title, empty=Empty(_("No question failed in this period. There is nothing to do.")))
    drawing, table = stacked(period, chart, coloured(chart), name=words.error)
    first = chart.lines[0]
    values = {
        "count": words.questions(total),
        "error": words.error(first.label),
        "share": words.percent(first.count / total),
    }
    said = _("%(count)s without an answer; most often: %(error)s (%(share)s).") % values
    change = words.compared(total, sum(one.count for one in chart.before), Unit.COUNT, period.days)
    note = _(
        "Failures are of the machine: overload, time, a model that is not loaded. “Not found” is an answer, no failure."
    )
    return Panel(slug, title, f"{said} {words.sentence(change)}".strip(), table, drawing, note=note)


def paid_share(period: Period) -> Panel:
    """Which part of what was answered the paid API answered, beside its limit."""
    chart = reading.chart(Metric.ROUTE, period.tenant, period.span, grain=period.grain)
    slug, title = "paid-share", _("Share of the paid API")
    local, paid, abstain = (chart.line(code) for code in ("local", "fallback", "abstain"))
    answered = [sum(counts) for counts in zip(local.counts, paid.counts, abstain.counts, strict=True)]
    total, limit = sum(answered), settings.AION_TAU_FALLBACK
    if not total:
        return Panel(slug, title, empty=empty_range())
    by_time = shares(paid.counts, answered)
    values = {
        "share": words.share_with_interval(paid.count / total, wilson(paid.count, total)),
        "count": words.questions(total),
        "limit": words.percent(limit),
    }
    if paid.count / total > limit:
        said = _(
            "%(share)s of %(count)s answered: above the limit of %(limit)s. More documents and a new training help."
        )
    else:
        said = _("%(share)s of %(count)s answered: within the limit of %(limit)s.")
    series = (
        Series(_("share of the paid API"), "blue", by_time, "line"),
        Series(_("limit"), "red", (limit,) * len(by_time), "limit"),
    )
    drawing = Drawing(tuple(period.label(start) for start in chart.starts), series, Unit.SHARE)
    columns = ((_("paid API"), Unit.COUNT, paid.counts), (_("questions answered"), Unit.COUNT, tuple(answered)))
    table = over_time(period, chart, (*columns, (_("share"), Unit.SHARE, by_time)))
    note = _(
        "The limit is AION_TAU_FALLBACK: above it over 7 days, a training is due sooner. In brackets what holds "
        "19 times of 20."
    )
    return Panel(slug, title, said % values, table, drawing, note=note)


def feedback(period: Period) -> Panel:
    """What askers thought, at the time of the answer."""
    chart = reading.chart(Metric.VOTE, period.tenant, period.span, grain=period.grain)
    slug, title = "feedback", _("What askers thought")
    lines = [(chart.line(code), colour) for code, colour in VOTES]
    up, down = lines[0][0].count, lines[1][0].count
    if not any(line.count for line, _colour in lines):
        text = _(
            "Nobody gave an opinion on the answers of this period: ask people to press the thumbs below the answers."
        )
        return Panel(slug, title, empty=Empty(text))
    names = {"up": _("helped"), "down": _("did not help"), "corrected": _("corrected by the asker")}
    drawing, table = stacked(period, chart, lines, name=names.__getitem__)
    values = {"count": words.shown(up + down, Unit.COUNT), "corrected": words.shown(lines[2][0].count, Unit.COUNT)}
    values["share"] = words.share_with_interval(up / (up + down) if up + down else None, wilson(up, up + down))
    said = _("Of %(count)s thumbs up or down, up: %(share)s. Corrected by the asker: %(corrected)s.") % values
    note = _("An opinion counts at the time of the answer it is about. Who votes is not everybody who asks.")
    return Panel(slug, title, said, table, drawing, note=note)


def reviews(period: Period) -> Panel:
    """What staff decided in the review queue, at the time of the answer."""
    chart = reading.chart(Metric.REVIEW, period.tenant, period.span, grain=period.grain)
    slug, title = "reviews", _("What reviews said")
    lines = [(chart.line(code), colour) for code, colour in REVIEWS]
    total = sum(line.count for line, _colour in lines)
    if not total:
        text = _(
            "No answer of this period was reviewed. A few minutes in the review queue tell how good the answers are."
        )
        return Panel(slug, title, empty=Empty(text, reverse("admin:telemetry_review_queue"), _("Review queue")))
    names = {code: str(Review.Verdict(code).label) for code, _colour in REVIEWS}
    drawing, table = stacked(period, chart, lines, name=names.__getitem__)
    approved = lines[0][0].count
    values = {"count": words.shown(total, Unit.COUNT)}
    values["share"] = words.share_with_interval(approved / total, wilson(approved, total))
    said = _("Of %(count)s reviewed answers, approved: %(share)s.") % values
    note = _("The queue shows doubtful answers first: what is reviewed is worse than what is not.")
    return Panel(slug, title, said, table, drawing, note=note)


def groundedness(period: Period) -> Panel:
    """Which part of the checked answers their passages support."""
    chart = reading.chart(Metric.GROUNDED, period.tenant, period.span, grain=period.grain)
    slug, title = "groundedness", _("Answers supported by their passages")
    yes, no = chart.line("yes"), chart.line("no")
    checked = [sum(counts) for counts in zip(yes.counts, no.counts, strict=True)]
    total = sum(checked)
    if not total:
        return Panel(slug, title, empty=empty_range())
    by_time = shares(yes.counts, checked)
    values = {"share": words.share_with_interval(yes.count / total, wilson(yes.count, total))}
    values["count"] = words.shown(total, Unit.COUNT)
    said = _("Of %(count)s checked answers, supported: %(share)s.") % values
    before = sum(one.count for one in chart.before)
    share_before = chart.count_before("yes") / before if before else None
    change = words.compared_shares(yes.count / total, share_before, period.days)
    drawing = Drawing(
        tuple(period.label(start) for start in chart.starts),
        (Series(_("supported"), "teal", by_time, "line"),),
        Unit.SHARE,
    )
    columns = ((_("supported"), Unit.COUNT, yes.counts), (_("not supported"), Unit.COUNT, no.counts))
    table = over_time(period, chart, (*columns, (_("share"), Unit.SHARE, by_time)))
    note = _("AION checks each sentence against the passage it cites before it is shown.")
    return Panel(slug, title, f"{said} {words.sentence(change)}".strip(), table, drawing, note=note)
