"""Events: written once, kept by month, found again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from telemetry.events import EventKind, find_event, moment_of, new_event_id, record, rewriting
from telemetry.exceptions import MonthNotOver
from telemetry.models import Event, Feedback, Rollup
from telemetry.partitions import drop_months, ensure_partitions, lowest_id
from telemetry.rollups.keeping import keep, rebuild

from .answers import TENANT, id_at, record_answer

FAR = datetime(2031, 3, 15, tzinfo=UTC)


def partition_of(event_id: UUID) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM telemetry_event WHERE id = %s", [event_id])
        (partition,) = cursor.fetchone()
    return str(partition)


@pytest.mark.django_db
class TestRecording:
    def test_an_event_is_found_again_by_its_tenant_only(self):
        event_id = record(EventKind.FALLBACK, value=0, meta={"reason": "low_confidence"}, tenant=TENANT)
        found = find_event(event_id, TENANT)
        assert found is not None
        assert (found.kind, found.value, found.meta) == (EventKind.FALLBACK, 0, {"reason": "low_confidence"})
        assert found.at == moment_of(event_id)
        assert find_event(event_id, "other") is None
        assert find_event(uuid4(), TENANT) is None

    def test_an_id_made_before_can_be_used(self):
        event_id = new_event_id()
        assert record(EventKind.ANSWER, value=1, meta={}, tenant=TENANT, event_id=event_id) == event_id

    def test_an_id_without_a_moment_is_refused(self):
        with pytest.raises(ValueError, match="UUIDv7"):
            record(EventKind.ANSWER, value=1, meta={}, tenant=TENANT, event_id=uuid4())

    def test_an_unknown_kind_is_refused(self):
        with pytest.raises(ValueError, match="gossip"):
            record("gossip", value=1, meta={}, tenant=TENANT)  # type: ignore[arg-type]

    def test_what_postgresql_cannot_hold_does_not_lose_the_event(self):
        event_id = record(
            EventKind.ANSWER, value=1, meta={"prompt": "a\x00b\ud800", "l": [{"k\x00": None}]}, tenant=TENANT
        )
        found = find_event(event_id, TENANT)
        assert found is not None
        assert found.meta == {"prompt": "ab?", "l": [{"k": None}]}


@pytest.mark.django_db
class TestAppendOnly:
    @pytest.mark.parametrize("statement", ["UPDATE telemetry_event SET value = 2", "DELETE FROM telemetry_event"])
    def test_the_database_refuses_to_change_or_delete_events(self, statement: str):
        event_id = record_answer("P?", "R.")
        for table in ("telemetry_event", partition_of(event_id)):
            with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
                connection.cursor().execute(statement.replace("telemetry_event", table))
        assert Event.objects.get().value == 1

    def test_erasure_and_retention_say_what_they_are_and_may_for_as_long(self):
        record_answer("P?", "R.")
        with rewriting():
            Event.objects.update(value=2)
        assert Event.objects.get().value == 2
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            Event.objects.all().delete()

    def test_what_fails_in_between_leaves_no_door_open(self):
        record_answer("P?", "R.")
        with pytest.raises(ZeroDivisionError), rewriting():
            Event.objects.update(value=1 / 0)
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            Event.objects.update(value=2)


@pytest.mark.django_db
class TestDroppedMonths:
    JANUARY, FEBRUARY, MARCH = (datetime(2026, month, 10, 15, tzinfo=UTC) for month in (1, 2, 3))

    @pytest.fixture(autouse=True)
    def _three_months(self) -> None:
        ensure_partitions(self.JANUARY, ahead=2)
        for moment in (self.JANUARY, self.FEBRUARY, self.MARCH):
            record_answer("P?", "R.", at=moment)

    def test_months_that_ended_by_then_go_and_what_was_counted_of_them_stays(self):
        assert drop_months(date(2026, 3, 9)) == ["telemetry_event_2026_01", "telemetry_event_2026_02"]
        assert [event.at for event in Event.objects.all()] == [self.MARCH]
        rebuild()
        days = Rollup.objects.filter(metric="route", grain="day").order_by("start")
        assert [row.start.month for row in days] == [1, 2, 3]
        assert drop_months(date(2026, 3, 9)) == []

    def test_an_opinion_on_an_answer_that_is_gone_does_not_lose_the_counts_of_its_hour(self):
        answer = Event.objects.order_by("id")[0].pk
        drop_months(date(2026, 2, 1))
        Feedback.objects.create(tenant=TENANT, event_id=answer, vote=1)
        keep()
        assert Rollup.objects.filter(metric="route", grain="hour", start__month=1).exists()

    def test_what_waited_in_the_default_partition_goes_too(self):
        record_answer("P?", "R.", at=datetime(2020, 5, 1, tzinfo=UTC))
        drop_months(date(2026, 2, 1))
        assert Event.objects.count() == 2
        assert Rollup.objects.filter(metric="route", grain="day", start__year=2020).exists()

    def test_a_month_that_is_not_over_is_refused(self):
        with pytest.raises(MonthNotOver):
            drop_months(datetime.now(UTC).date() + timedelta(days=1))
        this_month = partition_of(record_answer("P?", "R."))
        assert this_month not in drop_months(datetime.now(UTC).date())


@pytest.mark.django_db(transaction=True)
def test_a_month_that_is_being_read_is_dropped_another_time():
    january = datetime(2026, 1, 10, 15, tzinfo=UTC)
    ensure_partitions(january, ahead=0)
    record_answer("P?", "R.", at=january)
    reader = connection.copy()
    reader.set_autocommit(False)
    with reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM telemetry_event")
    with pytest.raises(OperationalError, match="lock timeout"):
        drop_months(date(2026, 2, 1))
    reader.rollback()
    reader.close()
    assert Event.objects.count() == 1
    assert drop_months(date(2026, 2, 1)) == ["telemetry_event_2026_01"]


@pytest.mark.django_db
class TestPartitions:
    def test_events_of_this_month_have_a_partition_of_their_own(self):
        event_id = record_answer("P?", "R.")
        assert partition_of(event_id) == f"telemetry_event_{moment_of(event_id):%Y_%m}"

    def test_a_month_without_partition_falls_into_the_default_one_and_moves_out_later(self):
        before, inside, after = (
            id_at(FAR.replace(day=1) + timedelta(milliseconds=n)) for n in (-1, 0, 31 * 86_400_000)
        )
        for event_id in (before, inside, after):
            record(EventKind.ANSWER, value=1, meta={}, tenant=TENANT, event_id=event_id)
            assert partition_of(event_id) == "telemetry_event_default"
        assert ensure_partitions(FAR, ahead=0) == ["telemetry_event_2031_03"]
        assert [partition_of(event_id) for event_id in (before, inside, after)] == [
            "telemetry_event_default",
            "telemetry_event_2031_03",
            "telemetry_event_default",
        ]
        assert Event.objects.count() == 3

    def test_it_makes_months_ahead_once_and_across_the_year(self):
        made = [f"telemetry_event_{month}" for month in ("2031_11", "2031_12", "2032_01")]
        assert ensure_partitions(datetime(2031, 11, 30, 23, 59, tzinfo=UTC), ahead=2) == made
        assert ensure_partitions(datetime(2031, 11, 30, 23, 59, tzinfo=UTC), ahead=2) == []

    def test_a_time_window_reads_its_months_only(self):
        ensure_partitions(FAR, ahead=1)
        window = Event.objects.filter(id__gte=lowest_id(FAR), id__lt=lowest_id(FAR + timedelta(days=1)))
        assert "2031_04" not in window.explain()
        assert "2031_03" in window.explain()
