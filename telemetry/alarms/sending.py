"""The outbox: every waiting notice is sent until it arrives, at least once, by as many workers as there are.

A worker takes a notice by moving its next attempt past the time that one may last, in a transaction of its own. If it
is killed, before or after the notice went, another takes it then: nothing is lost, and the id tells what came twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from telemetry.alarms import ways
from telemetry.alarms.payloads import test_body
from telemetry.exceptions import NotDelivered
from telemetry.models import AlarmChannel, AlarmDelivery

LEASE = timedelta(minutes=2)  # longer than any way takes (telemetry.alarms.ways)
PAUSES_MINUTES = (1, 5, 30, 120, 300, 600, 840)  # after each attempt; as Standard Webhooks suggests
MOST = 200  # at one go
State = AlarmDelivery.State


def send_due(now: datetime | None = None) -> int:
    """Try every notice whose time has come; how many arrived."""
    arrived = 0
    for _turn in range(MOST):
        delivery = _take(now or timezone.now())
        if delivery is None:
            break
        arrived += _try(delivery)
    return arrived


def send_test(channel: AlarmChannel) -> AlarmDelivery:
    """One notice at once, whether or not the channel is in force; its row says what came of it, and is not retried."""
    now = timezone.now()
    body = test_body(tenant=channel.tenant, at=now)
    delivery = AlarmDelivery.objects.create(
        channel=channel,
        notice=AlarmDelivery.Notice.TEST,
        body=body,
        created_at=now,
        attempts=len(PAUSES_MINUTES) + 1,
        next_attempt_at=now + LEASE,
    )
    _try(delivery)
    delivery.refresh_from_db()
    return delivery


def _take(now: datetime) -> AlarmDelivery | None:
    with transaction.atomic():
        waiting = AlarmDelivery.objects.filter(state=State.WAITING, next_attempt_at__lte=now)
        waiting = waiting.select_for_update(skip_locked=True, of=("self",)).select_related("channel")
        delivery = waiting.order_by("next_attempt_at", "id").first()
        if delivery is not None:
            delivery.attempts += 1
            delivery.next_attempt_at = now + LEASE
            delivery.save(update_fields=["attempts", "next_attempt_at"])
        return delivery


def _try(delivery: AlarmDelivery) -> bool:
    try:
        if not delivery.channel.active and delivery.notice != AlarmDelivery.Notice.TEST:
            raise NotDelivered(NotDelivered.OFF)
        ways.deliver(delivery)
    except NotDelivered as exc:
        _note_failure(delivery, exc)
        return False
    _note(delivery, {"state": State.SENT, "sent_at": timezone.now(), "failure": "", "detail": ""})
    return True


def _note_failure(delivery: AlarmDelivery, exc: NotDelivered) -> None:
    about: dict[str, Any] = {"failure": exc.failure, "detail": exc.detail}
    if exc.is_final or delivery.attempts > len(PAUSES_MINUTES):
        about["state"] = State.GIVEN_UP
    else:
        about["next_attempt_at"] = timezone.now() + timedelta(minutes=PAUSES_MINUTES[delivery.attempts - 1])
    _note(delivery, about)
    if exc.failure == NotDelivered.GONE:
        gone = AlarmChannel.objects.filter(pk=delivery.channel_id)
        gone.update(active=False, switched_off_because=NotDelivered.GONE)


def _note(delivery: AlarmDelivery, about: Mapping[str, Any]) -> None:
    """Unless another took it meanwhile, this attempt having lasted longer than it may."""
    mine = Q(pk=delivery.pk, state=State.WAITING, attempts=delivery.attempts)
    AlarmDelivery.objects.filter(mine).update(**about)
