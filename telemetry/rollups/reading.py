"""What pages ask of the counts. Reads rollups only, never events, so that it takes milliseconds at any size.

Figures are as of the last run of the task, a minute or so ago (`waiting_since`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar
from uuid import UUID

from django.db import models
from django.db.models import QuerySet

from telemetry.models import Rollup, RollupDue
from telemetry.rollups.bins import CONFIDENCE_BINS, Interval, confidence_edges, filled, percentile_ms, wilson
from telemetry.rollups.counting import HOUR, midnight
from telemetry.rollups.figures import (
    Chart,
    Distribution,
    DocumentRow,
    FoundDocument,
    Heatmap,
    Latency,
    LatencyChart,
    Line,
    Overview,
    Range,
    Reliability,
    ReliabilityBin,
    Sum,
)

__all__ = [
    "Chart",
    "Distribution",
    "DocumentRow",
    "FoundDocument",
    "Grain",
    "Heatmap",
    "Interval",
    "Latency",
    "LatencyChart",
    "Line",
    "Metric",
    "Overview",
    "Range",
    "Reliability",
    "ReliabilityBin",
    "Sum",
    "chart",
    "confidence",
    "dead_documents",
    "heatmap",
    "latencies",
    "latency_chart",
    "overused_documents",
    "overview",
    "reliability",
    "sums",
    "waiting_since",
]

Grain = Rollup.Grain
Metric = Rollup.Metric
JUDGED_BY = ("review", "vote")
_OF_OVERVIEW = (
    Metric.ROUTE,
    Metric.GROUNDED,
    Metric.VOTE,
    Metric.INPUT_TOKENS,
    Metric.OUTPUT_TOKENS,
    Metric.COST,
)
_COUNT, _TOTAL = models.Sum("count"), models.Sum("total")
_NAMED = (Metric.ADAPTER, Metric.DOCUMENT)  # whose labels are ids
K = TypeVar("K", str, datetime)


def overview(tenant: str, span: Range) -> Overview:
    """The range in figures; ask again with `span.before` to compare."""
    found = {
        (metric, label): (count, total)
        for metric, label, count, total in _rows(tenant, span, *_OF_OVERVIEW)
        .values_list("metric", "label")
        .annotate(_COUNT, _TOTAL)
    }

    def count(metric: Metric, *labels: str) -> int:
        return sum(found.get((metric, label), (0, 0))[0] for label in labels)

    def total(metric: Metric) -> Decimal:
        return sum((total for (of, _label), (_count, total) in found.items() if of == metric), Decimal(0))

    return Overview(
        asked=count(Metric.ROUTE, "local", "fallback", "abstain", "failed"),
        local=count(Metric.ROUTE, "local"),
        fallback=count(Metric.ROUTE, "fallback"),
        abstain=count(Metric.ROUTE, "abstain"),
        failed=count(Metric.ROUTE, "failed"),
        grounded=count(Metric.GROUNDED, "yes"),
        not_grounded=count(Metric.GROUNDED, "no"),
        votes_up=count(Metric.VOTE, "up"),
        votes_down=count(Metric.VOTE, "down"),
        corrected=count(Metric.VOTE, "corrected"),
        input_tokens=int(total(Metric.INPUT_TOKENS)),
        output_tokens=int(total(Metric.OUTPUT_TOKENS)),
        cost_usd=total(Metric.COST),
    )


def chart(metric: Metric, tenant: str, span: Range, *, grain: Grain = Grain.DAY) -> Chart:
    """Counts and totals of each label of `metric` over time. `Metric` says which labels; not for documents."""
    starts = _starts(span, grain)
    place = {start: number for number, start in enumerate(starts)}
    counts: dict[str, list[int]] = defaultdict(lambda: [0] * len(starts))
    totals: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(starts))
    summed = _rows(tenant, span, metric, grain=grain).values_list("label", "start")
    for label, start, count, total in summed.annotate(_COUNT, _TOTAL):
        counts[label][place[start]] += count
        totals[label][place[start]] += total
    names = _names(_rows(tenant, span, metric)) if metric in _NAMED else {}
    lines = [Line(label, names.get(label, ""), tuple(counts[label]), tuple(totals[label])) for label in counts]
    lines.sort(key=lambda line: (-line.count, line.label))
    return Chart(starts, tuple(lines), sums(metric, tenant, span.before))


def sums(metric: Metric, tenant: str, span: Range) -> tuple[Sum, ...]:
    """What each label came to in the range, the most frequent first."""
    rows = _rows(tenant, span, metric)
    names = _names(rows) if metric in _NAMED else {}
    summed = rows.values_list("label").annotate(_COUNT, _TOTAL)
    found = [Sum(label, names.get(label, ""), count, total) for label, count, total in summed]
    return tuple(sorted(found, key=lambda one: (-one.count, one.label)))


def confidence(tenant: str, span: Range, *, route: str | None = None) -> Distribution:
    """Of all answered questions, or of those that took one route."""
    rows = _rows(tenant, span, Metric.CONFIDENCE)
    rows = rows if route is None else rows.filter(label=route)
    by_bin = {place: (n, total) for place, n, total in rows.values_list("bin").annotate(_COUNT, _TOTAL)}
    counts = filled({place: n for place, (n, _total) in by_bin.items()}, CONFIDENCE_BINS)
    total = sum((total for _n, total in by_bin.values()), Decimal(0))
    return Distribution(confidence_edges(), counts, float(total) / sum(counts) if sum(counts) else None)


def reliability(tenant: str, span: Range, *, judged_by: Collection[str] = JUDGED_BY) -> Reliability:
    """How often local answers were right, by their confidence. A review by staff decides before what askers thought;
    `judged_by` ("review", "vote") keeps the two apart. Empty bins are included."""
    rows = _rows(tenant, span, Metric.RIGHT, Metric.WRONG).filter(label__in=judged_by)
    counts: dict[tuple[str, int], int] = defaultdict(int)
    totals: dict[int, Decimal] = defaultdict(Decimal)
    for metric, place, count, total in rows.values_list("metric", "bin").annotate(_COUNT, _TOTAL):
        counts[metric, place] += count
        totals[place] += total
    bins = []
    for place, (low, high) in enumerate(pairwise(confidence_edges())):
        right, wrong = counts[Metric.RIGHT, place], counts[Metric.WRONG, place]
        mean = float(totals[place]) / (right + wrong) if right + wrong else None
        bins.append(ReliabilityBin(low, high, right, wrong, mean))
    return Reliability(tuple(bins), _ece(bins))


def _ece(bins: Sequence[ReliabilityBin]) -> float | None:
    n = sum(one.n for one in bins)
    apart = (abs(one.right - one.n * (one.confidence or 0)) for one in bins)
    return sum(apart) / n if n else None


def latencies(tenant: str, span: Range) -> tuple[Latency, ...]:
    """Of each stage (embed, search, route, generate, overhead, total, ...), the longest first."""
    rows = _rows(tenant, span, Metric.LATENCY).values_list("label", "bin").annotate(_COUNT, _TOTAL)
    stages = _latencies((label, place, count, total) for label, place, count, total in rows)
    return tuple(sorted(stages.values(), key=lambda one: (-(one.p50_ms or 0), one.stage)))


def latency_chart(stage: str, tenant: str, span: Range, *, grain: Grain = Grain.DAY) -> LatencyChart:
    """One stage over time."""
    rows = _rows(tenant, span, Metric.LATENCY, grain=grain).filter(label=stage)
    found = _latencies(rows.values_list("start", "bin").annotate(_COUNT, _TOTAL), stage=stage)
    nothing, starts = Latency(stage, 0, None, None, None), _starts(span, grain)
    return LatencyChart(stage, starts, tuple(found.get(start, nothing) for start in starts))


def _latencies(rows: Iterable[tuple[K, int, int, Decimal]], *, stage: str | None = None) -> dict[K, Latency]:
    """The percentiles of each key (a stage, or the starts of `stage`) from its bins' counts and totals."""
    counts: dict[K, dict[int, int]] = defaultdict(dict)
    totals: dict[K, Decimal] = defaultdict(Decimal)
    for key, place, count, total in rows:
        counts[key][place] = count
        totals[key] += total
    return {
        key: Latency(
            stage=stage or str(key),
            n=(n := sum(bins.values())),
            mean_ms=float(totals[key]) / n,
            p50_ms=percentile_ms(bins, 0.50),
            p95_ms=percentile_ms(bins, 0.95),
        )
        for key, bins in counts.items()
    }


def heatmap(tenant: str, span: Range, *, documents: int = 20) -> Heatmap:
    """The `documents` most found documents, day by day."""
    days = _starts(span, Grain.DAY)
    searches = _by_start(_rows(tenant, span, Metric.SEARCH))
    rows = _rows(tenant, span, Metric.DOCUMENT)
    busiest = rows.values_list("label").annotate(found=_COUNT).order_by("-found", "label")[:documents]
    by_day: dict[str, dict[datetime, int]] = {label: {} for label, _found in busiest}
    of_busiest = rows.filter(label__in=list(by_day))
    for label, start, count in of_busiest.values_list("label", "start", "count"):
        by_day[label][start] = count
    titles = _names(of_busiest)
    asked = sum(searches.values())
    return Heatmap(
        days=span.days,
        searches=tuple(searches.get(day, 0) for day in days),
        rows=tuple(
            DocumentRow(
                document_id=UUID(label),
                title=titles.get(label, ""),
                counts=tuple(counts.get(day, 0) for day in days),
                share=sum(counts.values()) / max(asked, 1),
            )
            for label, counts in by_day.items()
        ),
    )


def dead_documents(tenant: str, span: Range, installed: Collection[UUID]) -> tuple[UUID, ...]:
    """Which of the `installed` documents no search of the range chose, in the order given."""
    found = set(_rows(tenant, span, Metric.DOCUMENT).values_list("label", flat=True).distinct())
    return tuple(document for document in installed if str(document) not in found)


def overused_documents(
    tenant: str, span: Range, *, share: float = 0.2, least_searches: int = 50
) -> tuple[FoundDocument, ...]:
    """Documents that surely more than `share` of all searches chose (the interval's low end is above it), the most
    found first; none where there were fewer than `least_searches`."""
    searches = sum(_by_start(_rows(tenant, span, Metric.SEARCH)).values())
    if searches < least_searches:
        return ()
    rows = _rows(tenant, span, Metric.DOCUMENT)
    often = rows.values_list("label").annotate(found=_COUNT).filter(found__gt=share * searches)
    surely = {
        label: (count, interval)
        for label, count in often.order_by("-found", "label")
        if (interval := wilson(min(count, searches), searches)) is not None and interval.low > share
    }
    titles = _names(rows.filter(label__in=list(surely)))
    return tuple(
        FoundDocument(UUID(label), titles.get(label, ""), count, count / searches, interval)
        for label, (count, interval) in surely.items()
    )


def waiting_since(tenant: str) -> datetime | None:
    """When what is not yet counted began to wait; None where everything is counted."""
    waiting: datetime | None = RollupDue.objects.filter(tenant=tenant).aggregate(since=models.Min("since"))["since"]
    return waiting


def _rows(tenant: str, span: Range, *metrics: Metric, grain: Grain = Grain.DAY) -> QuerySet[Rollup]:
    return Rollup.objects.filter(
        tenant=tenant, grain=grain, metric__in=metrics, start__gte=span.since, start__lt=span.until
    ).order_by()


def _names(rows: QuerySet[Rollup]) -> dict[str, str]:
    """What labels were last called, of those that have a name."""
    return dict(rows.exclude(name="").order_by("label", "-start").distinct("label").values_list("label", "name"))


def _by_start(rows: QuerySet[Rollup]) -> Mapping[datetime, int]:
    return dict(rows.values_list("start").annotate(_COUNT))


def _starts(span: Range, grain: Grain) -> tuple[datetime, ...]:
    """The beginnings of the range's hours or days, in UTC as the rows have them."""
    if grain == Grain.DAY:
        return tuple(midnight(day).astimezone(UTC) for day in span.days)
    first = span.since.astimezone(UTC)
    return tuple(first + HOUR * number for number in range(int((span.until - first) / HOUR)))
