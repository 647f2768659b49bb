"""Alerts at 50, 80 and 100 % of a limit: each once for a limit, window and threshold, whoever is at it.

What counts is what was spent; reserved money usually comes back. 100 % is also reached when what was spent leaves no
room for the call that was just refused: since a call is reserved at its maximum, the last cents are seldom spent.
A limit of zero is a decision, not news. Callers hold a transaction, so that money and alert happen or neither.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, cast

from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from telemetry.alarms import keeping
from telemetry.alarms.rules import Sighting
from telemetry.events import EventKind, Json, record
from telemetry.models import AlarmKind, AlarmSeverity, BudgetLimit
from telemetry.windows import Period, window_end

if TYPE_CHECKING:
    from telemetry.budgets import LimitStatus

THRESHOLDS_PERCENT = (50, 80, 100)
USED_UP_PERCENT = 100
logger = logging.getLogger(__name__)


def reached(*, spent_usd: Decimal, limit_usd: Decimal) -> tuple[int, ...]:
    """The thresholds that `spent_usd` has reached, in percent."""
    return tuple(percent for percent in THRESHOLDS_PERCENT if 0 < limit_usd * percent <= spent_usd * 100)


def announce(limit_id: int, window: date, *, percents: Collection[int]) -> None:
    """Announce each of these thresholds, unless it was in this window or the window is over."""
    told: list[int] = []
    for percent in percents:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE telemetry_budgetlimit SET alerted = alerted || %(percent)s::smallint"
                " WHERE id = %(id)s AND window_start = %(window)s AND NOT %(percent)s = ANY(alerted)",
                {"id": limit_id, "window": window, "percent": percent},
            )
            claimed = cursor.rowcount
        if claimed:
            _tell(BudgetLimit.objects.get(pk=limit_id), percent)
            told.append(percent)
    if told:
        _raise(BudgetLimit.objects.get(pk=limit_id), max(told))


def announce_used_up(limit_id: int, window: date, *, refused_usd: Decimal) -> None:
    """Announce 100 % after a refusal, where it is not only what others have reserved that stood in the way."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE telemetry_budgetlimit
               SET window_start = %(window)s,
                   spent_usd    = CASE WHEN window_start < %(window)s THEN 0 ELSE spent_usd END,
                   reserved_usd = CASE WHEN window_start < %(window)s THEN 0 ELSE reserved_usd END,
                   alerted      = CASE WHEN window_start < %(window)s THEN '{}' ELSE alerted END
                                  || %(percent)s::smallint
             WHERE id = %(id)s AND limit_usd > 0 AND window_start <= %(window)s
               AND (window_start < %(window)s OR NOT %(percent)s = ANY(alerted))
               AND CASE WHEN window_start < %(window)s THEN 0 ELSE spent_usd END > limit_usd - %(refused)s
            """,
            {"id": limit_id, "window": window, "percent": USED_UP_PERCENT, "refused": refused_usd},
        )
        claimed = cursor.rowcount
    if claimed:
        limit = BudgetLimit.objects.get(pk=limit_id)
        _tell(limit, USED_UP_PERCENT)
        _raise(limit, USED_UP_PERCENT)


def forget_unreached(limit_id: int) -> None:
    """After staff changed the amount: a threshold that is no longer reached may be announced again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE telemetry_budgetlimit SET alerted ="
            " ARRAY(SELECT percent FROM unnest(alerted) percent WHERE spent_usd * 100 >= limit_usd * percent)"
            " WHERE id = %s",
            [limit_id],
        )


def sighting(limit: BudgetLimit | LimitStatus, percent: int, resets_at: datetime) -> Sighting:
    """The alarm of a limit in one window, at a threshold that was reached."""
    used_up = percent == USED_UP_PERCENT
    values: dict[str, Json] = {
        "percent": percent,
        "group": limit.group,
        "keyId": limit.key_id,
        "keyName": limit.key_name,
        "limit_usd": float(limit.limit_usd),
        "spent_usd": float(limit.spent_usd),
        "resets_at": resets_at.isoformat(),
    }
    return Sighting(
        key=f"{AlarmKind.BUDGET}:{limit.pk if isinstance(limit, BudgetLimit) else limit.id}:{resets_at:%Y-%m-%d}",
        code=f"{limit.period}_{'used_up' if used_up else 'reached'}",
        severity=AlarmSeverity.CRITICAL if used_up else AlarmSeverity.WARNING,
        values=values,
        step=percent,
        link=reverse("admin:telemetry_budgetlimit_changelist"),
    )


def _raise(limit: BudgetLimit, percent: int) -> None:
    """To whom alarms go, at once; `aion.alarm_facts` keeps it open until the window is over."""
    until = window_end(cast(Period, limit.period), limit.window_start)
    keeping.see(sighting(limit, percent, until), tenant=limit.tenant, now=timezone.now())


def _tell(limit: BudgetLimit, percent: int) -> None:
    """An event for the panel, a line for the log."""
    until = window_end(cast(Period, limit.period), limit.window_start)
    meta: dict[str, Json] = {
        "percent": percent,
        "limitId": limit.pk,
        "period": limit.period,
        "group": limit.group,
        "keyId": limit.key_id,
        "keyName": limit.key_name,
        "limitUsd": float(limit.limit_usd),
        "spentUsd": float(limit.spent_usd),
        "windowStart": limit.window_start.isoformat(),
        "resetsAt": until.isoformat(),
    }
    record(EventKind.BUDGET, value=percent, meta=meta, tenant=limit.tenant)
    whose = f"group {limit.group}" if limit.group else f"key {limit.key_id}" if limit.key_id is not None else "all"
    transaction.on_commit(
        lambda: logger.warning(
            "%d %% of the %s limit of %s is spent: US$ %.4f of %.2f, until %s",
            percent,
            limit.period,
            whose,
            limit.spent_usd,
            limit.limit_usd,
            until.isoformat(),
        )
    )
