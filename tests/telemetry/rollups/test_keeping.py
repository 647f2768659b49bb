"""Counts are kept right: whatever changes, whenever it commits, however often it is counted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test.utils import CaptureQueriesContext

from telemetry.events import EventKind, NewEvent, new_event_id, record, record_all, rewriting
from telemetry.feedback import give_feedback
from telemetry.models import Event, Rollup, RollupDue
from telemetry.partitions import ensure_partitions
from telemetry.reviews import Verdict, decide
from telemetry.rollups import keeping
from telemetry.rollups.keeping import keep, keep_all, rebuild
from tests.telemetry.answers import TENANT, id_at, record_answer

from .happenings import NOON, counted, record_search, rows

Metric = Rollup.Metric


def vote(event_id: object, value: int, correction: str = "", user_id: int = 7) -> None:
    give_feedback(
        event_id=event_id,  # type: ignore[arg-type]
        tenant=TENANT,
        vote=value,
        comment="",
        correction=correction,
        relevant_sources=[],
        user_id=user_id,
        key_id=None,
        question="P?",
        reply="R.",
    )


@pytest.fixture
def beside(transactional_db: None) -> Iterator[BaseDatabaseWrapper]:
    """Another process's connection."""
    own = connection.copy()
    own.set_autocommit(False)
    yield own
    own.rollback()
    own.close()


def write_beside(own: BaseDatabaseWrapper, number: int) -> None:
    """An answer that is not committed yet."""
    with own.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_event (id, tenant, kind, value, meta, at, schema)"
            """ VALUES (%s, %s, 'answer', 1, '{"source": "local", "status": "answered"}', %s, 1)""",
            [id_at(NOON, number), TENANT, NOON],
        )


@pytest.mark.django_db
class TestCounting:
    def test_an_answer_is_counted_by_all_that_is_known_of_it(self):
        record_answer(
            "P?",
            "R.",
            at=NOON,
            C=0.35,
            mode="generated",
            model="smol",
            adapter="noite-3",
            adapterDigest="abc",
            usage={"input_tokens": 400, "output_tokens": 90},
            timings={"embed": 9.5, "generate": 812.4, "total": 900.0},
            costUsd=0.0003,
        )
        keep()
        found = {(metric, label): (bin, total) for _t, _g, metric, _s, label, bin, _n, _c, total in rows(grain="hour")}
        assert found == {
            ("route", "local"): (0, 0),
            ("reason", "confident"): (0, 0),
            ("mode", "generated"): (0, 0),
            ("model", "smol"): (0, 0),
            ("adapter", "abc"): (0, 0),
            ("confidence", "local"): (7, Decimal("0.35")),
            ("latency", "embed"): (39, Decimal("9.5")),
            ("latency", "generate"): (78, Decimal("812.4")),
            ("latency", "total"): (79, Decimal("900")),
            ("input_tokens", "local"): (0, 400),
            ("output_tokens", "local"): (0, 90),
            ("cost", "smol"): (0, Decimal("0.0003")),
            ("grounded", "yes"): (0, 0),
        }
        assert Rollup.objects.get(metric=Metric.ADAPTER, grain="day").name == "noite-3"

    def test_a_failure_is_counted_by_its_error(self):
        record_answer("P?", "", at=NOON, status="failed", source="failed", error="engine_busy", grounded=None)
        keep()
        assert {(metric, label) for _t, _g, metric, _s, label, *_ in rows(grain="hour")} == {
            ("route", "failed"),
            ("error", "engine_busy"),
        }

    def test_a_document_is_counted_once_a_search_and_masked_kinds_once_a_call(self):
        one, two = uuid4(), uuid4()
        record_search(one, one, two, number=1)
        record_search(number=2)
        meta = {"reason": "low_confidence", "maskedKinds": ["CPF", "EMAIL"]}
        record(EventKind.FALLBACK, value=0, meta=meta, tenant=TENANT, event_id=id_at(NOON, 3))
        keep()
        assert counted(Metric.DOCUMENT) == {str(one): 1, str(two): 1}
        assert counted(Metric.SEARCH) == {"found": 1, "empty": 1}
        assert counted(Metric.MASKED) == {"CPF": 1, "EMAIL": 1}

    def test_what_is_not_what_it_should_be_is_left_out_and_stops_nothing(self):
        record_answer("P?", "R.", at=NOON, C="high", usage=[1], timings="long", costUsd={"a": 1}, reason="x" * 500)
        record_answer("P?", "R.", at=NOON, number=1, C=1e300, costUsd=1e300, timings={"embed": -1, "search": None})
        record(EventKind.RETRIEVAL, value=1, meta={"items": "x"}, tenant=TENANT, event_id=id_at(NOON, 2))
        keep()
        assert counted(Metric.ROUTE) == {"local": 2}
        assert counted(Metric.CONFIDENCE) == {"local": 1}

    def test_an_evening_belongs_to_its_own_local_day_and_another_tenant_to_itself(self):
        for hour in (2, 3):
            record_answer("P?", "R.", at=datetime(2026, 11, 22, hour, 30, tzinfo=UTC))
        record(EventKind.ANSWER, value=1, meta={"source": "local"}, tenant="another", event_id=id_at(NOON, 5))
        keep()
        days = Rollup.objects.filter(metric=Metric.ROUTE, grain="day", tenant=TENANT).order_by("start")
        assert [row.start for row in days] == [datetime(2026, 11, day, 3, tzinfo=UTC) for day in (21, 22)]
        assert Rollup.objects.get(metric=Metric.ROUTE, grain="day", tenant="another").count == 1


@pytest.mark.django_db
class TestLater:
    def test_a_vote_and_a_review_given_later_count_for_the_hour_of_the_answer(self):
        answer = record_answer("P?", "R.", at=NOON, C=0.9)
        keep()
        vote(answer, 1)
        keep()
        assert counted(Metric.RIGHT) == {"vote": 1}
        decide(answer, Verdict.REJECTED, tenant=TENANT, by=1)
        keep()
        assert (counted(Metric.RIGHT), counted(Metric.WRONG)) == ({}, {"review": 1})
        assert (counted(Metric.VOTE), counted(Metric.REVIEW)) == ({"up": 1}, {"rejected": 1})
        assert {row[3] for row in rows(grain="hour", metric__in=[Metric.VOTE, Metric.WRONG])} == {NOON}

    def test_of_several_opinions_the_worst_counts_and_a_correction_says_wrong(self):
        liked, mixed, corrected = (record_answer("P?", "R.", at=NOON, number=number) for number in range(3))
        vote(liked, 1)
        vote(mixed, 1)
        vote(mixed, -1, user_id=8)
        vote(corrected, 1, correction="Outra.")
        keep()
        assert (counted(Metric.RIGHT), counted(Metric.WRONG)) == ({"vote": 1}, {"vote": 2})

    def test_a_blanked_event_stays_counted(self):
        answer = record_answer("P?", "R.", at=NOON)
        keep()
        before = rows()
        with rewriting():
            Event.objects.filter(pk=answer).update(meta=Event.objects.get(pk=answer).meta | {"prompt": ""})
        assert RollupDue.objects.exists()
        keep()
        assert rows() == before

    def test_counting_twice_changes_nothing(self):
        record_answer("P?", "R.", at=NOON)
        keep()
        before = rows()
        RollupDue.objects.create(tenant=TENANT, moment=NOON)
        assert keep() == 1
        assert rows() == before
        assert keep() == 0

    def test_the_newest_day_is_counted_first_and_what_is_not_reached_waits(self, monkeypatch: pytest.MonkeyPatch):
        for back in range(3):
            record_answer("P?", "R.", at=NOON - timedelta(days=back))
        clock = iter([0.0, 0.0, 99.0])
        monkeypatch.setattr("telemetry.rollups.keeping.time.monotonic", lambda: next(clock))
        assert keep() == 1
        assert {row.start.date() for row in Rollup.objects.filter(grain="hour")} == {NOON.date()}
        assert keep_all() == 2


class TestAtOnce:
    def test_an_event_that_commits_after_its_hour_was_counted_is_counted_later(self, beside: BaseDatabaseWrapper):
        write_beside(beside, 1)
        record_answer("P?", "R.", at=NOON)
        keep()
        assert counted(Metric.ROUTE) == {"local": 1}
        beside.commit()
        keep()
        assert counted(Metric.ROUTE) == {"local": 2}

    def test_whoever_is_killed_while_counting_leaves_it_to_the_next(self, transactional_db: None):
        record_answer("P?", "R.", at=NOON)
        with transaction.atomic():
            keep()
            assert rows()
            transaction.set_rollback(True)
        assert not rows()
        keep()
        assert counted(Metric.ROUTE) == {"local": 1}

    def test_a_second_process_leaves_the_work_to_the_first(self, beside: BaseDatabaseWrapper):
        record_answer("P?", "R.", at=NOON)
        with beside.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [keeping.LOCK_NAME])
        assert keep() == 0
        beside.rollback()
        assert keep() == 1


@pytest.mark.django_db
class TestRebuilding:
    def test_lost_and_wrong_counts_come_back_right(self, capsys: pytest.CaptureFixture[str]):
        for hour in range(4):
            record_answer("P?", "R.", at=NOON + timedelta(hours=hour))
        keep()
        before = rows()
        Rollup.objects.filter(start=NOON).delete()
        Rollup.objects.update(count=99)
        Rollup.objects.create(tenant=TENANT, grain="day", metric="route", start=NOON, label="made up", count=3)
        call_command("rebuild_rollups")
        assert rows() == before
        assert "1" in capsys.readouterr().out

    def test_only_since_then(self):
        record_answer("P?", "R.", at=NOON - timedelta(days=2))
        record_answer("P?", "R.", at=NOON)
        keep()
        Rollup.objects.all().delete()
        call_command("rebuild_rollups", since="2026-11-22")
        assert {row.start.date() for row in Rollup.objects.all()} == {NOON.date()}

    def test_votes_on_an_hour_without_events_are_found_too(self):
        vote(id_at(NOON), 1)
        keep()
        before = rows(metric=Metric.VOTE, start=NOON)
        Rollup.objects.all().delete()
        rebuild()
        assert before
        assert rows(metric=Metric.VOTE, start=NOON) == before


@pytest.mark.django_db
def test_a_question_costs_one_statement_for_all_its_events():
    kinds = (EventKind.RETRIEVAL, EventKind.ANSWER, EventKind.FALLBACK)
    ensure_partitions()
    with CaptureQueriesContext(connection) as queries:
        record_all([NewEvent(kind, 1, {}, new_event_id()) for kind in kinds], tenant=TENANT)
    assert len([query for query in queries if "INSERT" in query["sql"]]) == 1
    assert Event.objects.count() == 3
