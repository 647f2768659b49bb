"""How sure AION was, and how right it was to be."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext as _

from aion.metrics import words
from aion.metrics.over_time import empty_range
from aion.metrics.panel import Column, Drawing, Empty, Panel, Series, Table, Unit
from aion.metrics.period import Period
from telemetry.rollups import reading
from telemetry.rollups.reading import Reliability, ReliabilityBin

ROUTES = (("local", "teal"), ("fallback", "blue"), ("abstain", "amber"))
FEW = 100  # judged answers; with fewer no bin says anything


def distribution(period: Period) -> Panel:
    """How many answers had which confidence, by route."""
    slug, title = "confidence", _("Confidence")
    whole = reading.confidence(period.tenant, period.span)
    if not whole.n:
        return Panel(slug, title, empty=empty_range())
    by_route = [(code, colour, reading.confidence(period.tenant, period.span, route=code)) for code, colour in ROUTES]
    labels = tuple(_between(low, high) for low, high in zip(whole.edges, whole.edges[1:], strict=False))
    series = tuple(Series(words.route(code), colour, one.counts) for code, colour, one in by_route)
    columns = (Column(_("Confidence"), Unit.TEXT), *(Column(words.route(code)) for code, _colour, _one in by_route))
    rows = tuple(zip(labels, *(one.counts for _code, _colour, one in by_route), strict=True))
    values = {"count": words.questions(whole.n), "mean": words.shown(whole.mean, Unit.SCORE)}
    said = _("Confidence of %(count)s, on average %(mean)s.") % values
    note = _("The confidence says how likely the documents hold the answer. From tau on AION answers by itself.")
    drawing = Drawing(labels, series, stacked=True, x_title=_("confidence"))
    return Panel(slug, title, said, Table(columns, rows), drawing, note=note)


def reliability(period: Period) -> Panel:
    """Confidence beside the share that people found right."""
    slug, title = "reliability", _("Was the confidence right?")
    both = reading.reliability(period.tenant, period.span)
    if not both.n:
        text = _(
            "Nobody judged an answer of this period. Reviews, and thumbs in the chat, show whether confidence holds."
        )
        return Panel(slug, title, empty=Empty(text, reverse("admin:telemetry_review_queue"), _("Review queue")))
    by_review = reading.reliability(period.tenant, period.span, judged_by=("review",))
    by_vote = reading.reliability(period.tenant, period.span, judged_by=("vote",))
    return Panel(
        slug,
        title,
        _reliability_in_words(both, by_review.n, by_vote.n),
        _reliability_table(both, by_review, by_vote),
        _reliability_drawing(both),
        note=_(
            "Of the answers of the local model with a certain confidence, the share that people found right: were the "
            "confidence perfect, the line would lie on the dashed one. A review decides before a vote. The area is "
            "what holds 19 times of 20."
        ),
    )


def _reliability_in_words(both: Reliability, reviews: int, votes: int) -> str:
    values = {
        "count": words.shown(both.n, Unit.COUNT),
        "reviews": words.shown(reviews, Unit.COUNT),
        "votes": words.shown(votes, Unit.COUNT),
        "points": words.number(100 * (both.ece or 0), 1),
    }
    said = _(
        "%(count)s judged answers (%(reviews)s by reviews, %(votes)s by votes): on average the confidence is "
        "%(points)s percentage points off."
    )
    few = _("So few say little: wait for more.") if both.n < FEW else ""
    return f"{said % values} {few}".strip()


def _reliability_drawing(both: Reliability) -> Drawing:
    series = (
        Series(_("interval of the share"), "teal", tuple(_bounds(one) for one in both.bins), "band"),
        Series(_("found right"), "teal", tuple(one.share for one in both.bins), "line"),
        Series(_("as the confidence says"), "gray", tuple((one.low + one.high) / 2 for one in both.bins), "limit"),
    )
    labels = tuple(_between(one.low, one.high) for one in both.bins)
    return Drawing(labels, series, Unit.SHARE, x_title=_("confidence"))


def _reliability_table(both: Reliability, by_review: Reliability, by_vote: Reliability) -> Table:
    columns = (
        Column(_("Confidence"), Unit.TEXT),
        Column(_("judged")),
        Column(_("found right"), Unit.SHARE),
        Column(_("at least"), Unit.SHARE),
        Column(_("at most"), Unit.SHARE),
        Column(_("by reviews: judged")),
        Column(_("by reviews: right")),
        Column(_("by votes: judged")),
        Column(_("by votes: right")),
    )
    rows = tuple(
        (
            _between(one.low, one.high),
            one.n,
            one.share,
            one.interval.low if one.interval else None,
            one.interval.high if one.interval else None,
            review.n,
            review.right,
            vote.n,
            vote.right,
        )
        for one, review, vote in zip(both.bins, by_review.bins, by_vote.bins, strict=True)
    )
    return Table(columns, rows)


def _bounds(one: ReliabilityBin) -> tuple[float, float] | None:
    return (one.interval.low, one.interval.high) if one.interval else None


def _between(low: float, high: float) -> str:
    return f"{words.number(low, 2)}–{words.number(high, 2)}"
