"""How well the search finds: on golden questions, and, apart, on what people judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from aion.metrics import words
from aion.metrics.panel import Cell, Column, Drawing, Empty, Panel, Series, Table, Unit
from aion.metrics.period import Period
from chat.evaluation.intervals import Sample
from chat.evaluation.measures import ndcg, reciprocal_rank
from chat.judges import counted
from retrieval.models import Judgement, RetrievalMetric
from telemetry.models import Night
from telemetry.rollups.bins import wilson
from telemetry.traffic import JudgedAnswer, judged_answers

MOST_JUDGED = 1000  # of the latest answers
FIGURES = (("nDCG@10", "ndcg_at_10", "teal"), ("MRR", "mrr", "blue"), ("R@8", "r_at_8", "amber"))


def golden(period: Period) -> Panel:
    """nDCG, MRR and recall on golden questions, measured every night."""
    slug, title = "golden", _("Search on golden questions")
    rows = list(
        RetrievalMetric.objects.filter(
            tenant=period.tenant, day__gte=period.span.first, day__lte=period.span.last
        ).order_by("day")
    )
    if not rows:
        text = _("Nothing was measured in this period. Golden questions about your documents are measured every night.")
        address = reverse("admin:retrieval_goldenquestion_changelist")
        return Panel(slug, title, empty=Empty(text, address, _("Golden questions")))
    by_day = {row.day: row for row in rows}
    measured = [by_day.get(day) for day in period.span.days]
    labels = tuple(f"{day:%d/%m}" for day in period.span.days)
    bands = tuple(_bounds(row, "ndcg_at_10") if row else None for row in measured)
    lines = tuple(
        Series(name, colour, tuple(getattr(row, field) if row else None for row in measured), "line")
        for name, field, colour in FIGURES
    )
    limit = Series(_("limit of nDCG@10"), "red", (settings.AION_TAU_NDCG,) * len(labels), "limit")
    drawing = Drawing(labels, (Series(_("interval of nDCG@10"), "teal", bands, "band"), *lines, limit), Unit.SCORE)
    last = rows[-1]
    values = {
        "ndcg": words.score_with_interval(last.ndcg_at_10, _bounds(last, "ndcg_at_10")),
        "count": words.questions(last.questions),
        "day": words.shown(last.day, Unit.TIME),
        "limit": words.number(settings.AION_TAU_NDCG, 2),
    }
    said = _("%(day)s: nDCG@10 %(ndcg)s on %(count)s; the limit is %(limit)s.") % values
    note = _(
        "Source: golden questions, searched every night, with what staff judged relevant on the search page. nDCG@10: "
        "how high the right passages stand; MRR: how high the first of them; R@8: the share of questions with one "
        "among those selected."
    )
    return Panel(slug, title, said, _golden_table(rows), drawing, note=note, broad=True)


def _golden_table(rows: Iterable[RetrievalMetric]) -> Table:
    heads = [Column(_("Day"), Unit.TIME), Column(_("questions"))]
    for name, _field, _colour in FIGURES:
        heads += [
            Column(name, Unit.SCORE),
            Column(_("%(name)s: at least") % {"name": name}, Unit.SCORE),
            Column(_("%(name)s: at most") % {"name": name}, Unit.SCORE),
        ]
    return Table(tuple(heads), tuple(_golden_row(row) for row in rows))


def _golden_row(row: RetrievalMetric) -> tuple[Cell, ...]:
    cells: list[Cell] = [row.day, row.questions]
    for _name, field, _colour in FIGURES:
        low, high = _bounds(row, field) or (None, None)
        cells += [getattr(row, field), low, high]
    return tuple(cells)


def _bounds(row: RetrievalMetric, field: str) -> tuple[float, float] | None:
    between = row.intervals.get(field)
    return (between[0], between[1]) if between else None


@dataclass(frozen=True, slots=True)
class _Source:
    """One figure by one source of judgements, over `count` of what it is counted in."""

    source: str
    figure: str
    value: float | None
    bounds: tuple[float, float] | None
    count: int

    @property
    def row(self) -> tuple[Cell, ...]:
        low, high = self.bounds or (None, None)
        return self.source, self.figure, self.count, self.value, low, high


def judged(period: Period) -> Panel:
    """The same figures by what people said: opinions and reviews, judgements on the search page, the last night."""
    slug, title = "judged", _("Search by what people judged")
    answers = _as_served(period)
    sources = [*answers, *_judgements(period), *_last_night(period)]
    if not any(one.count for one in sources):
        text = _(
            "Nobody judged in this period. Approve answers in the review queue, or mark passages as relevant on the "
            "search page: then you see here how well the search served people."
        )
        return Panel(slug, title, empty=Empty(text, reverse("admin:panel_search"), _("Search page")))
    said = _("Nobody approved an answer of this period or named its sources.")
    if answers[0].count:
        score = words.score_with_interval(answers[0].value, answers[0].bounds)
        said = _("nDCG@10 %(score)s on %(count)s whose answer or sources people approved.") % {
            "score": score,
            "count": words.questions(answers[0].count),
        }
    columns = (
        Column(_("Source"), Unit.TEXT),
        Column(_("figure"), Unit.TEXT),
        Column(_("judged")),
        Column(_("value"), Unit.SCORE),
        Column(_("at least"), Unit.SCORE),
        Column(_("at most"), Unit.SCORE),
    )
    note = _(
        "Kinder than golden questions: nobody can name a passage that was not found, so opinions tell no recall. "
        "Opinions and reviews rate the search as it was when the answer was given; the night searches the same "
        "questions anew."
    )
    table = Table(columns, tuple(one.row for one in sources if one.count))
    return Panel(slug, title, said, table, note=note, broad=True)


def _as_served(period: Period) -> list[_Source]:
    """Of the answers that people approved, or whose sources they named: where those stood among the selected. What
    several asked counts once, as it was judged last."""
    rows = judged_answers(period.tenant, period.span.since, period.span.until, most=MOST_JUDGED)
    counts = counted([row.judge_id for row in rows])
    kept = {row.query: row for row, counts_too in zip(rows, counts, strict=True) if counts_too and row.chosen}
    ranked = [(hits, row) for row in kept.values() if any(hits := _hits(row))]
    groups = tuple(_document(row) for _hits_of, row in ranked)
    source = _("opinions and reviews")
    return [
        _sampled(source, "nDCG@10", Sample(tuple(ndcg(hits, sum(hits)) for hits, _row in ranked), groups)),
        _sampled(source, "MRR", Sample(tuple(reciprocal_rank(hits) for hits, _row in ranked), groups)),
    ]


def _hits(row: JudgedAnswer) -> list[bool]:
    """Of the passages selected, in their order, which were named, or else cited."""
    gold = _gold(row)
    named = {source.get("chunkId") for source in gold}
    return [chunk in named for chunk in row.chosen]


def _gold(row: JudgedAnswer) -> list[Any]:
    numbers = set(row.relevant_sources) or {source["number"] for source in row.sources if source.get("cited")}
    return [source for source in row.sources if source.get("number") in numbers]


def _document(row: JudgedAnswer) -> str:
    return min((str(source.get("documentId", "")) for source in _gold(row)), default="")


def _sampled(source: str, figure: str, sample: Sample) -> _Source:
    bounds = sample.interval
    between = (bounds[0], bounds[1]) if bounds else None
    return _Source(source, figure, sample.mean, between, len(sample.values))


def _judgements(period: Period) -> list[_Source]:
    """What staff said of passages on the search page."""
    said = Judgement.objects.filter(
        question__tenant=period.tenant, judged_at__gte=period.span.since, judged_at__lt=period.span.until
    ).values_list("relevant", flat=True)
    relevant = [bool(one) for one in said]
    interval = wilson(sum(relevant), len(relevant))
    bounds = (interval.low, interval.high) if interval else None
    share = sum(relevant) / len(relevant) if relevant else None
    return [_Source(_("judgements on the search page"), _("share relevant"), share, bounds, len(relevant))]


def _last_night(period: Period) -> list[_Source]:
    """What the last night of the period found for judged questions, searched anew."""
    nights = Night.objects.filter(
        tenant=period.tenant, started_at__gte=period.span.since, started_at__lt=period.span.until
    ).exclude(facts={})
    night = nights.order_by("-started_at").values_list("started_at", "facts").first()
    if night is None:
        return []
    started, facts = night
    found = facts.get("ndcg_judged") or {}
    source = _("judged questions, night of %(day)s") % {"day": _day(started)}
    return [_Source(source, "nDCG@10", found.get("value"), None, found.get("count") or 0)]


def _day(started: datetime) -> str:
    return words.shown(timezone.localtime(started).date(), Unit.TIME)
