"""The rows of alarms: opened, seen again, taken up, closed; each notice written with its alarm or not at all.

Whoever writes an alarm holds the lock of its key until the end of the transaction, so that two who see the same thing
open one alarm and tell it once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from telemetry.alarms.kinds import WORDINGS
from telemetry.alarms.payloads import body_of
from telemetry.alarms.rules import Sighting, kind_of, rank
from telemetry.events import Json, without_nul
from telemetry.models import Alarm, AlarmChannel, AlarmDelivery, AlarmKind, AlarmRule, AlarmSeverity

CALM = timedelta(minutes=10)  # unseen for so long, what is looked at is over
REMIND_EVERY = timedelta(days=1)
Notice = AlarmDelivery.Notice


def raise_alarm(
    key: str,
    *,
    code: str = "",
    severity: AlarmSeverity = AlarmSeverity.WARNING,
    values: Mapping[str, Json] | None = None,
    step: int = 0,
    link: str = "",
    tenant: str | None = None,
    now: datetime | None = None,
) -> None:
    """Say that something is wrong; said again, it is the same alarm as long as it is open.

    `key` is an `AlarmKind`, or `kind:subject` where several of a kind can be wrong at once. `code` is one of the kind's
    sentences (`telemetry.alarms.kinds`; by default its first) and `values` what stands in it; `link` the page of the
    panel where it is mended. In the caller's transaction. Raises ValueError for an unknown kind.
    """
    code = code or next(iter(WORDINGS[kind_of(key)].sentences))
    sighting = Sighting(key, code, severity, values or {}, step, link)
    see(sighting, tenant=tenant or settings.PRIMARY_TENANT_ID, now=now or timezone.now())


def clear_alarm(key: str, *, tenant: str | None = None, now: datetime | None = None) -> bool:
    """Say that it is over; whether it was open. Who was told of it is told that, too."""
    tenant = tenant or settings.PRIMARY_TENANT_ID
    with _alone(tenant, key):
        alarm = Alarm.objects.filter(tenant=tenant, key=key, closed_at=None).first()
        if alarm is None:
            return False
        _close(alarm, now or timezone.now())
        return True


def settle(kind: AlarmKind, seen: Sequence[Sighting], *, tenant: str, now: datetime) -> None:
    """What was found at a look at everything of a kind: open or refresh these, close what was not seen for `CALM`."""
    for sighting in seen:
        see(sighting, tenant=tenant, now=now)
    quiet = Alarm.objects.filter(tenant=tenant, kind=kind, closed_at=None, last_seen_at__lte=now - CALM)
    for key in quiet.exclude(key__in=[sighting.key for sighting in seen]).values_list("key", flat=True):
        clear_alarm(key, tenant=tenant, now=now)


def open_severity(key: str, *, tenant: str) -> AlarmSeverity | None:
    """How severe the open alarm of this key is; None where there is none."""
    found = Alarm.objects.filter(tenant=tenant, key=key, closed_at=None).values_list("severity", flat=True).first()
    return AlarmSeverity(found) if found else None


def open_count(tenant: str) -> int:
    """How many are open now."""
    return Alarm.objects.filter(tenant=tenant, closed_at=None).count()


def take_up(alarm_id: UUID, *, by: int, now: datetime | None = None) -> bool:
    """Somebody sees to it: no reminders until it gets worse. Whether it was open and nobody's yet."""
    mine = Alarm.objects.filter(pk=alarm_id, closed_at=None, acknowledged_at=None)
    return bool(mine.update(acknowledged_by=by, acknowledged_at=now or timezone.now()))


def snooze(alarm_id: UUID, *, until: datetime) -> bool:
    """No reminders until then, unless it gets worse. Whether it was open."""
    return bool(Alarm.objects.filter(pk=alarm_id, closed_at=None).update(snoozed_until=until))


def close_silently(kind: AlarmKind, *, tenant: str) -> int:
    """After staff switched a kind off: nobody is told that it is over, since it may not be."""
    return Alarm.objects.filter(tenant=tenant, kind=kind, closed_at=None).update(closed_at=timezone.now())


def notice_due(alarm: Alarm, *, has_worsened: bool, patience: timedelta, now: datetime) -> AlarmDelivery.Notice | None:
    """What is to be told of an open alarm now. Pure."""
    if alarm.told_at is None:
        return Notice.OPENED if now - alarm.opened_at >= patience else None
    if has_worsened:
        return Notice.ESCALATED
    is_quiet = alarm.acknowledged_at is not None or (alarm.snoozed_until is not None and now < alarm.snoozed_until)
    return Notice.REMINDER if not is_quiet and now - alarm.told_at >= REMIND_EVERY else None


def see(sighting: Sighting, *, tenant: str, now: datetime) -> None:
    """What `raise_alarm` does, given as one value."""
    rule = AlarmRule.objects.filter(tenant=tenant, kind=sighting.kind).first()
    if rule is not None and not rule.active:
        return
    severity = AlarmSeverity(rule.severity) if rule is not None and rule.severity else sighting.severity
    with _alone(tenant, sighting.key):
        before = Alarm.objects.filter(tenant=tenant, key=sighting.key, closed_at=None).first()
        alarm = before or Alarm(
            tenant=tenant, key=sighting.key, kind=sighting.kind, opened_at=now, last_seen_at=now, count=0
        )
        has_worsened = before is not None and (rank(severity), sighting.step) > (_rank_of(before), before.step)
        alarm.severity, alarm.step, alarm.code, alarm.link = severity, sighting.step, sighting.code, sighting.link
        alarm.values = without_nul(sighting.values)
        alarm.last_seen_at, alarm.count = max(now, alarm.last_seen_at), alarm.count + 1
        if has_worsened:
            alarm.acknowledged_at = alarm.acknowledged_by = alarm.snoozed_until = None
        notice = notice_due(alarm, has_worsened=has_worsened, patience=WORDINGS[sighting.kind].patience, now=now)
        if notice is not None:
            alarm.told_at = now
        alarm.save()
        if notice is not None:
            _tell(alarm, notice, _channels(tenant, severity), now)


def _rank_of(alarm: Alarm) -> int:
    return rank(AlarmSeverity(alarm.severity))


def _close(alarm: Alarm, now: datetime) -> None:
    alarm.closed_at = now
    alarm.save(update_fields=["closed_at"])
    told = AlarmChannel.objects.filter(active=True, alarmdelivery__alarm=alarm).distinct()
    _tell(alarm, Notice.RESOLVED, list(told), now)


def _channels(tenant: str, severity: AlarmSeverity) -> list[AlarmChannel]:
    wanted = [level for level in AlarmSeverity if rank(level) <= rank(severity)]
    return list(AlarmChannel.objects.filter(tenant=tenant, active=True, least_severity__in=wanted))


def _tell(alarm: Alarm, notice: AlarmDelivery.Notice, channels: Collection[AlarmChannel], now: datetime) -> None:
    body = body_of(alarm, notice, at=now)
    AlarmDelivery.objects.bulk_create(
        AlarmDelivery(alarm=alarm, channel=channel, notice=notice, body=body, created_at=now, next_attempt_at=now)
        for channel in channels
    )


@contextmanager
def _alone(tenant: str, key: str) -> Iterator[None]:
    """A transaction that holds the lock of one key."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            name = f"telemetry.alarm:{tenant}:{key}"
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
        yield
