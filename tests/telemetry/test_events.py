"""Events: written once, kept by month, found again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection

from telemetry.events import EventKind, find_event, moment_of, new_event_id, record
from telemetry.models import Event
from telemetry.partitions import ensure_partitions, lowest_id

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
