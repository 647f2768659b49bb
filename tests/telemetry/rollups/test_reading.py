"""What pages read of the counts: every day of the range, right shares, percentiles near the truth."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from telemetry.rollups import reading
from telemetry.rollups.bins import percentile_ms, wilson
from telemetry.rollups.keeping import keep
from telemetry.rollups.reading import Grain, Metric, Range
from tests.telemetry.answers import TENANT, record_answer

from .happenings import NOON, record_search
from .test_keeping import vote

TODAY = date(2026, 11, 22)
TWO_DAYS = Range.of_last(2, NOON)
YESTERDAY = NOON - timedelta(days=1)


class TestRange:
    def test_the_days_before_are_as_many(self):
        assert Range(date(2026, 11, 21), TODAY) == TWO_DAYS
        assert TWO_DAYS.before == Range(date(2026, 11, 19), date(2026, 11, 20))
        assert len(Range.of_last(30, NOON).days) == 30

    def test_it_cannot_end_before_it_begins(self):
        with pytest.raises(ValueError, match="before"):
            Range(TODAY, date(2026, 11, 1))


class TestBins:
    def test_percentiles_read_from_bins_are_within_a_bin_of_the_truth(self):
        times = np.random.default_rng(1).lognormal(6, 1, 5000)
        places = np.clip(np.floor(20 * np.log10(times / 0.1)), 0, 119).astype(int)
        counts = dict(zip(*np.unique(places, return_counts=True), strict=True))
        for share in (0.5, 0.95):
            assert percentile_ms(counts, share) == pytest.approx(np.percentile(times, 100 * share), rel=0.06)
        assert percentile_ms({}, 0.5) is None

    def test_wilson_as_published(self):  # Wallis 2013 and others: 8 of 10
        interval = wilson(8, 10)
        assert interval is not None
        assert (round(interval.low, 3), round(interval.high, 3)) == (0.490, 0.943)
        assert wilson(0, 0) is None


@pytest.mark.django_db
class TestCharts:
    def test_a_line_for_each_label_and_what_came_before(self):
        for number, source in enumerate(["local", "local", "fallback"]):
            record_answer("P?", "R.", at=NOON, number=number, source=source)
        record_answer("P?", "R.", at=YESTERDAY, source="local")
        record_answer("P?", "R.", at=NOON - timedelta(days=3), source="abstain")
        keep()
        chart = reading.chart(Metric.ROUTE, TENANT, TWO_DAYS)
        assert [(line.label, line.counts) for line in chart.lines] == [("local", (1, 2)), ("fallback", (0, 1))]
        assert chart.count_before("abstain") == 1
        assert chart.line("abstain").counts == (0, 0)
        hours = reading.chart(Metric.ROUTE, TENANT, Range(TODAY, TODAY), grain=Grain.HOUR)
        assert len(hours.starts) == 24
        assert hours.line("local").counts[12] == 2

    def test_money_and_tokens_add_up_and_adapters_are_named(self):
        told = {"model": "m", "adapter": "noite", "adapterDigest": "d1", "usage": {"input_tokens": 5}}
        record_answer("P?", "R.", at=NOON, costUsd=0.1, **told)
        record_answer("P?", "R.", at=NOON, number=1, costUsd=0.2, **told)
        keep()
        (cost,) = reading.sums(Metric.COST, TENANT, TWO_DAYS)
        assert (cost.label, cost.total, cost.mean) == ("m", Decimal("0.3"), 0.15)
        assert [(one.label, one.name) for one in reading.sums(Metric.ADAPTER, TENANT, TWO_DAYS)] == [("d1", "noite")]
        found = reading.overview(TENANT, TWO_DAYS)
        assert (found.cost_usd, found.input_tokens, found.asked, found.grounded_share) == (Decimal("0.3"), 10, 2, 1)

    def test_shares_have_an_interval_and_nothing_has_none(self):
        for number, source in enumerate(["local"] * 3 + ["fallback", "failed"]):
            record_answer("P?", "R.", at=NOON, number=number, source=source)
        keep()
        found = reading.overview(TENANT, TWO_DAYS)
        assert found.fallback_share == 0.25
        assert found.fallback_interval == wilson(1, 4)
        nothing = reading.overview(TENANT, TWO_DAYS.before)
        assert (nothing.asked, nothing.fallback_share, nothing.grounded_interval) == (0, None, None)


@pytest.mark.django_db
class TestDistributions:
    def test_confidence_by_route(self):
        record_answer("P?", "R.", at=NOON, C=1.0)
        record_answer("P?", "R.", at=NOON, number=1, C=0.0, source="abstain")
        keep()
        assert reading.confidence(TENANT, TWO_DAYS).counts == (1, *[0] * 18, 1)
        local = reading.confidence(TENANT, TWO_DAYS, route="local")
        assert (local.n, local.mean) == (1, 1.0)

    def test_reliability_keeps_votes_and_reviews_apart(self):
        good, bad = (record_answer("P?", "R.", at=NOON, number=number, C=0.82) for number in range(2))
        vote(good, 1)
        vote(bad, -1)
        keep()
        found = reading.reliability(TENANT, TWO_DAYS)
        (judged,) = (one for one in found.bins if one.n)
        assert (judged.low, judged.right, judged.wrong, judged.share) == (0.8, 1, 1, 0.5)
        assert judged.interval == wilson(1, 2)
        assert found.ece == pytest.approx(0.32)
        assert reading.reliability(TENANT, TWO_DAYS, judged_by=["review"]).ece is None

    def test_latency_by_stage_and_over_time(self):
        for number in range(20):
            record_answer("P?", "R.", at=NOON, number=number, timings={"embed": 10.0, "total": 100.0 * (number + 1)})
        keep()
        total, embed = reading.latencies(TENANT, TWO_DAYS)
        assert (total.stage, embed.stage, total.n, embed.mean_ms) == ("total", "embed", 20, 10.0)
        assert total.p95_ms == pytest.approx(1900, rel=0.12)
        yesterday, today = reading.latency_chart("total", TENANT, TWO_DAYS).points
        assert (yesterday.p50_ms, today.n) == (None, 20)


@pytest.mark.django_db
class TestDocuments:
    def test_by_day_with_their_last_title_and_share_of_all_searches(self):
        busy, quiet = uuid4(), uuid4()
        record_search(busy, quiet, at=YESTERDAY, title="Velho")
        record_search(busy, number=1, title="Novo")
        record_search(number=2)
        keep()
        heat = reading.heatmap(TENANT, TWO_DAYS, documents=1)
        (row,) = heat.rows
        assert (row.document_id, row.title, row.counts, row.share) == (busy, "Novo", (1, 1), 2 / 3)
        assert (heat.days, heat.searches) == (TWO_DAYS.days, (1, 2))

    def test_dead_are_those_that_no_search_of_the_range_chose(self):
        found, forgotten = uuid4(), uuid4()
        record_search(found)
        record_search(forgotten, at=NOON - timedelta(days=9))
        keep()
        assert reading.dead_documents(TENANT, TWO_DAYS, [forgotten, found]) == (forgotten,)

    def test_over_used_are_those_surely_above_the_share(self):
        everywhere, often = uuid4(), uuid4()
        for number in range(60):
            record_search(everywhere, *[often] * (number % 4 == 0), number=number)
        keep()
        (one,) = reading.overused_documents(TENANT, TWO_DAYS)
        assert (one.document_id, one.count, one.share) == (everywhere, 60, 1.0)
        assert reading.overused_documents(TENANT, TWO_DAYS, least_searches=61) == ()


@pytest.mark.django_db
def test_what_waits_to_be_counted_is_known():
    assert reading.waiting_since(TENANT) is None
    record_answer("P?", "R.", at=NOON)
    since = reading.waiting_since(TENANT)
    assert since is not None
    assert abs(since - datetime.now(UTC)) < timedelta(minutes=5)


@pytest.mark.django_db
def test_nothing_is_read_from_the_events():
    with CaptureQueriesContext(connection) as queries:
        reading.overview(TENANT, TWO_DAYS)
        reading.chart(Metric.ROUTE, TENANT, TWO_DAYS)
        reading.heatmap(TENANT, TWO_DAYS)
        reading.latencies(TENANT, TWO_DAYS)
        reading.overused_documents(TENANT, TWO_DAYS)
    assert not [query["sql"] for query in queries if "telemetry_event" in query["sql"]]
