"""The watch after a promotion: live signals since then against those before; an alarm, or the way back, each once."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings

from chat.judges import counted
from inference.adapters import desired_state, rollback_adapter
from inference.exceptions import AdapterRejected
from inference.models import DesiredState
from inference.watch import Finding, Level, Outcomes, judge
from telemetry.events import EventKind, Json, record
from telemetry.live_signals import LiveSignals, live_signals
from telemetry.models import Event
from telemetry.partitions import lowest_id

WATCHED_FOR = timedelta(days=14)
COMPARED_WITH = timedelta(days=28)
WENT_BACK = ("watch", "rollback")  # reasons of wishes that brought an adapter back: it was watched before
BY_VERDICT = "promotion"  # the reason's code where an examination decided; what a person chose, a person takes back
logger = logging.getLogger(__name__)


def look(now: datetime) -> Finding | None:
    """Judge the adapter that serves since a change of the last `WATCHED_FOR`; on a clear breach go back."""
    wish = desired_state()
    began = _watched(wish, now)
    if began is None:
        return None
    finding = judge(_outcomes(began.created_at, now))
    if finding is None:
        return None
    if desired_state() != wish:  # somebody changed what serves while this was counted
        return None
    if finding.level is Level.BREACH and began.reason.split(":")[0] == BY_VERDICT:
        _go_back(began, finding)
    else:
        _tell(began, "doubtful", finding)
    return finding


def _watched(wish: DesiredState | None, now: datetime) -> DesiredState | None:
    """The wish with which the adapter that serves began to; None where there is nothing to watch."""
    if wish is None or wish.adapter is None or wish.outcome != DesiredState.Outcome.SERVED:
        return None
    began = _beginning(wish)
    return None if began.reason in WENT_BACK or now - began.created_at > WATCHED_FOR else began


def _beginning(wish: DesiredState) -> DesiredState:
    """When this adapter was first asked for without another in between: a merge is no new adapter."""
    served = DesiredState.objects.filter(outcome=DesiredState.Outcome.SERVED, pk__lte=wish.pk)
    other = served.exclude(adapter=wish.adapter).values_list("pk", flat=True).first() or 0
    return served.filter(pk__gt=other).select_related("adapter").earliest("pk")


def _began_before(since: datetime) -> datetime:
    """When what served before `since` began to."""
    earlier = DesiredState.objects.filter(outcome=DesiredState.Outcome.SERVED, created_at__lt=since).first()
    longest = since - COMPARED_WITH
    return max(longest, _beginning(earlier).created_at) if earlier else longest


def _outcomes(since: datetime, now: datetime) -> tuple[Outcomes, ...]:
    tenant = settings.PRIMARY_TENANT_ID
    before = live_signals(tenant, _began_before(since), since, latest=True)
    after = live_signals(tenant, since, now)
    return (
        Outcomes("errors", before.errors, after.errors),
        Outcomes("unsupported", before.unsupported, after.unsupported),
        Outcomes("disliked", _disliked(before), _disliked(after)),
    )


def _disliked(signals: LiveSignals) -> list[bool]:
    """As far as it counts: no one person brings an adapter down."""
    counts = counted([opinion.user_id for opinion in signals.opinions])
    return [opinion.bad for opinion, kept in zip(signals.opinions, counts, strict=True) if kept]


def _go_back(began: DesiredState, finding: Finding) -> None:
    try:
        rollback_adapter(reason="watch")
    except AdapterRejected as exc:
        logger.error("the watch could not go back: %s", exc)
        _tell(began, "rollback_failed", finding)
    else:
        _tell(began, "rolled_back", finding)


def _tell(began: DesiredState, alarm: str, finding: Finding) -> None:
    """Once for each change of adapter and alarm."""
    told = Event.objects.filter(kind=EventKind.LOOP, tenant=settings.PRIMARY_TENANT_ID, meta__alarm=alarm)
    if told.filter(id__gte=lowest_id(began.created_at), meta__wishId=began.pk).exists():
        return
    meta: dict[str, Json] = {
        "alarm": alarm,
        "wishId": began.pk,
        "adapterId": began.adapter_id,
        "adapter": str(began.adapter),
        "finding": asdict(finding),
    }
    record(EventKind.LOOP, value=0, meta=meta, tenant=settings.PRIMARY_TENANT_ID)
    logger.warning("the adapter %s, since it serves: %s %s", began.adapter, alarm, finding)
