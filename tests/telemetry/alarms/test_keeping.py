"""One open alarm a key, one notice a channel, written together or not at all."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections, transaction

from telemetry.alarms import clear_alarm, raise_alarm, settle
from telemetry.alarms.keeping import CALM, close_silently, snooze, take_up
from telemetry.alarms.rules import Sighting
from telemetry.erasure import erase_person
from telemetry.models import Alarm, AlarmChannel, AlarmDelivery, AlarmKind, AlarmRule, AlarmSeverity

NOON = datetime(2026, 11, 23, 15, tzinfo=UTC)
DAY = timedelta(days=1)
WARNING, CRITICAL = AlarmSeverity.WARNING, AlarmSeverity.CRITICAL
pytestmark = pytest.mark.django_db


@pytest.fixture
def everything() -> AlarmChannel:
    return AlarmChannel.objects.create(tenant="default", address="equipe@exemplo.com.br")


@pytest.fixture
def critical_only() -> AlarmChannel:
    return AlarmChannel.objects.create(tenant="default", address="chefe@exemplo.com.br", least_severity="critical")


def full(severity=WARNING, *, now=NOON, free=10**9) -> None:
    raise_alarm("disk:/var", values={"free_bytes": free, "folder": "/var"}, severity=severity, now=now)


def told(channel=None) -> list[str]:
    found = AlarmDelivery.objects.order_by("id")
    return [each.notice for each in (found.filter(channel=channel) if channel else found)]


def test_said_again_it_is_the_same_alarm_and_told_once(everything):
    for minute in range(5):
        full(now=NOON + timedelta(minutes=minute), free=10**9 - minute)
    alarm = Alarm.objects.get()
    assert (alarm.count, alarm.opened_at, alarm.last_seen_at) == (5, NOON, NOON + timedelta(minutes=4))
    assert alarm.values["free_bytes"] == 10**9 - 4
    assert told() == ["opened"]


def test_two_disks_are_two_alarms(everything):
    full()
    raise_alarm("disk:/srv", values={}, now=NOON)
    assert Alarm.objects.filter(closed_at=None).count() == 2


def test_it_is_told_again_when_it_gets_worse_and_not_when_it_gets_better(everything):
    full()
    full(CRITICAL)
    full()
    full()
    assert told() == ["opened", "escalated"]
    assert Alarm.objects.get().severity == "warning"


def test_who_wants_critical_alarms_only_hears_of_the_escalation_and_of_its_end(everything, critical_only):
    full()
    assert told(critical_only) == []
    full(CRITICAL)
    full()
    clear_alarm("disk:/var", now=NOON)
    assert told(critical_only) == ["escalated", "resolved"]
    assert told(everything) == ["opened", "escalated", "resolved"]


def test_what_was_over_and_comes_back_is_another_alarm(everything):
    full()
    assert clear_alarm("disk:/var", now=NOON)
    assert not clear_alarm("disk:/var", now=NOON)
    full()
    assert told() == ["opened", "resolved", "opened"]
    assert Alarm.objects.count() == 2


def test_a_reminder_a_day_until_somebody_takes_it_up(everything, django_user_model):
    full()
    full(now=NOON + DAY)
    full(now=NOON + DAY + timedelta(hours=1))
    assert told() == ["opened", "reminder"]
    assert take_up(Alarm.objects.get().pk, by=7)
    assert not take_up(Alarm.objects.get().pk, by=8)
    full(now=NOON + 3 * DAY)
    assert told() == ["opened", "reminder"]
    full(CRITICAL, now=NOON + 3 * DAY)
    assert told() == ["opened", "reminder", "escalated"]
    assert Alarm.objects.get().acknowledged_by is None


def test_silenced_it_says_nothing_until_the_time_is_over(everything):
    full()
    assert snooze(Alarm.objects.get().pk, until=NOON + 3 * DAY)
    full(now=NOON + 2 * DAY)
    assert told() == ["opened"]
    full(now=NOON + 3 * DAY)
    assert told() == ["opened", "reminder"]


def seen(kind=AlarmKind.QUEUE) -> Sighting:
    return Sighting(kind, "queue_long", WARNING, {"waiting_count": 5})


def test_what_passes_by_itself_within_its_patience_is_told_to_nobody(everything):
    settle(AlarmKind.QUEUE, [seen()], tenant="default", now=NOON)
    settle(AlarmKind.QUEUE, [], tenant="default", now=NOON + CALM)
    assert Alarm.objects.get().closed_at == NOON + CALM
    assert told() == []


def test_what_lasts_longer_is(everything):
    for minute in (0, 2, 4):
        settle(AlarmKind.QUEUE, [seen()], tenant="default", now=NOON + timedelta(minutes=minute))
    assert told() == ["opened"]


def test_what_flaps_within_ten_minutes_is_one_alarm(everything):
    for minute in range(0, 60, 6):
        settle(AlarmKind.QUEUE, [seen()], tenant="default", now=NOON + timedelta(minutes=minute))
        settle(AlarmKind.QUEUE, [], tenant="default", now=NOON + timedelta(minutes=minute + 3))
    assert Alarm.objects.count() == 1
    assert told() == ["opened"]


def test_a_look_closes_only_alarms_of_its_own_kind(everything):
    full()
    settle(AlarmKind.QUEUE, [], tenant="default", now=NOON + DAY)
    assert Alarm.objects.get().is_open


def test_a_kind_that_staff_switched_off_opens_nothing_and_one_made_critical_is(everything, critical_only):
    AlarmRule.objects.create(tenant="default", kind="queue", active=False, reason="é sempre assim")
    AlarmRule.objects.create(tenant="default", kind="disk", severity="critical", reason="disco pequeno")
    raise_alarm("queue", now=NOON)
    full()
    assert Alarm.objects.get().key == "disk:/var"
    assert told(critical_only) == ["opened"]
    assert close_silently(AlarmKind.DISK, tenant="default") == 1
    assert told(critical_only) == ["opened"]


def test_alarm_and_notice_are_written_with_the_callers_transaction_or_not_at_all(everything):
    class Torn(Exception):
        pass

    @transaction.atomic
    def torn() -> None:
        full()
        raise Torn

    with pytest.raises(Torn):
        torn()
    assert (Alarm.objects.count(), AlarmDelivery.objects.count()) == (0, 0)


def test_hostile_values_are_kept_without_what_the_database_cannot_hold(everything):
    raise_alarm("golden_set:1", values={"name": "a\x00b", "said": "\ud800"}, now=NOON)
    assert "\x00" not in AlarmDelivery.objects.get().body["data"]["sentence"]


def test_an_erased_person_has_taken_up_nothing(everything):
    full()
    take_up(Alarm.objects.get().pk, by=7)
    erase_person(7, tenant="default", reason="pedido")
    assert Alarm.objects.get().acknowledged_by is None
    assert Alarm.objects.get().acknowledged_at is not None


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="weather"):
        raise_alarm("weather")


@pytest.mark.django_db(transaction=True)
def test_twenty_who_see_the_same_at_once_open_one_alarm_and_tell_it_once(everything):
    def see(_number: int) -> None:
        try:
            full()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as crowd:
        list(crowd.map(see, range(20)))
    assert (Alarm.objects.get().count, told()) == (20, ["opened"])
