"""Money is reserved before it is spent: no reservation, no paid call.

Counters change by conditional UPDATE only, limits always in id order, so any number of threads and processes share
them without overspending and without deadlock. Each change leaves a ledger entry; `telemetry.ledger` adds them up.
Windows are days and months of AION_TIME_ZONE; the first reservation of a new window empties the counters.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import ROUND_UP, Decimal
from typing import Literal, cast
from uuid import UUID

from django.conf import settings
from django.db import Error, connection, transaction
from django.utils import timezone

from telemetry.exceptions import BudgetExhausted, BudgetUnavailable, UnknownReservation
from telemetry.models import BudgetLimit, LedgerEntry
from telemetry.models import Reservation as ReservationRow
from telemetry.pricing import STEP_USD

Period = Literal["day", "month"]
Kind = LedgerEntry.Kind
State = ReservationRow.State
NOTHING = Decimal(0)


@dataclass(frozen=True)
class Reservation:
    id: UUID
    amount_usd: Decimal


@dataclass(frozen=True)
class PeriodStatus:
    period: Period
    limit_usd: Decimal
    spent_usd: Decimal
    reserved_usd: Decimal
    resets_at: datetime


@dataclass(frozen=True)
class BudgetStatus:
    periods: tuple[PeriodStatus, ...]


def reserve(
    *,
    tenant: str,
    max_cost_usd: Decimal,
    user_id: int | None,
    key_id: int | None,
    tag: str = "rag-answer",
    ttl_s: float = 120,
    now: datetime | None = None,
) -> Reservation:
    """Set `max_cost_usd` aside under every limit of the tenant, or under none.

    Raises BudgetExhausted when a limit has no room, BudgetUnavailable when the ledger cannot be written: both are
    BudgetRefused, and then no paid call may be made. Not inside a transaction: the money must be set aside for good
    before the call begins. A reservation neither settled nor released within `ttl_s` is charged at its maximum.
    """
    if not max_cost_usd.is_finite() or max_cost_usd < 0:
        raise ValueError(f"cannot reserve US$ {max_cost_usd}")
    amount = max_cost_usd.quantize(STEP_USD, ROUND_UP)
    now = now or timezone.now()
    with _failing_closed(), transaction.atomic(durable=True):
        taken = [(limit.pk, _take(limit, amount, now)) for limit in _limits(tenant, now)]
        row = ReservationRow.objects.create(
            tenant=tenant,
            amount_usd=amount,
            tag=tag,
            user_id=user_id,
            key_id=key_id,
            created_at=now,
            expires_at=now + timedelta(seconds=ttl_s),
        )
        LedgerEntry.objects.bulk_create(_reserving(row, limit_id, window) for limit_id, window in taken)
    return Reservation(row.pk, amount)


def settle(reservation_id: UUID, *, cost_usd: Decimal | None, now: datetime | None = None) -> Decimal:
    """Charge what the call cost and free the rest; return what was charged.

    None means unknown and charges the maximum, since the provider may have charged. A second settlement changes
    nothing and returns what the first one charged. Raises UnknownReservation.
    """
    if cost_usd is not None and (not cost_usd.is_finite() or cost_usd < 0):
        raise ValueError(f"cannot charge US$ {cost_usd}")
    return _close(reservation_id, Kind.SETTLE, cost_usd, now)


def release(reservation_id: UUID, *, now: datetime | None = None) -> None:
    """Free the whole reservation; only where certainly nothing was charged. Does nothing once it is closed."""
    _close(reservation_id, Kind.RELEASE, NOTHING, now)


def expire_reservations(now: datetime) -> int:
    """Charge what nobody settled in time at its maximum; return how many there were."""
    overdue = ReservationRow.objects.filter(state=State.OPEN, expires_at__lte=now).order_by("id")
    expired = list(overdue.values_list("pk", flat=True))
    for reservation_id in expired:
        _close(reservation_id, Kind.EXPIRE, None, now)
    return len(expired)


def status(tenant: str, *, now: datetime | None = None) -> BudgetStatus:
    """The tenant's limits and what is gone of them in the windows of `now`."""
    now = now or timezone.now()
    return BudgetStatus(tuple(_period_status(limit, now) for limit in _limits(tenant, now)))


def window_start(period: Period, now: datetime) -> date:
    """The first day of the window that holds `now`, in AION_TIME_ZONE."""
    today = timezone.localtime(now).date()
    return today if period == "day" else today.replace(day=1)


def resets_at(period: Period, now: datetime) -> datetime:
    """When the window that holds `now` ends: the next local midnight that begins one."""
    first = window_start(period, now)
    following = first + timedelta(days=1) if period == "day" else (first + timedelta(days=31)).replace(day=1)
    return datetime.combine(following, time.min, tzinfo=timezone.get_default_timezone())


def _limits(tenant: str, now: datetime) -> list[BudgetLimit]:
    """The tenant's limits in id order, made from the environment's defaults where they are missing."""
    limits = list(BudgetLimit.objects.filter(tenant=tenant).order_by("id"))
    if {limit.period for limit in limits} >= {"day", "month"}:
        return limits
    defaults = {"day": settings.AION_BUDGET_USD_DAY, "month": settings.AION_BUDGET_USD_MONTH}
    BudgetLimit.objects.bulk_create(
        [
            BudgetLimit(
                tenant=tenant,
                period=period,
                limit_usd=Decimal(str(usd)),
                window_start=window_start(cast(Period, period), now),
            )
            for period, usd in defaults.items()
        ],
        ignore_conflicts=True,
    )
    return list(BudgetLimit.objects.filter(tenant=tenant).order_by("id"))


def _take(limit: BudgetLimit, amount: Decimal, now: datetime) -> date:
    """Reserve `amount` under one limit, in a fresh window if a new one has begun; return the window it counts in.

    One statement, so the row's lock makes it right whoever else is at it. A window never moves back: a caller that
    waited for the lock across midnight counts in the new one.
    """
    window = window_start(cast(Period, limit.period), now)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE telemetry_budgetlimit
               SET window_start = GREATEST(window_start, %(window)s),
                   spent_usd    = CASE WHEN window_start < %(window)s THEN 0 ELSE spent_usd END,
                   reserved_usd = CASE WHEN window_start < %(window)s THEN 0 ELSE reserved_usd END + %(amount)s
             WHERE id = %(id)s
               AND CASE WHEN window_start < %(window)s THEN 0 ELSE spent_usd + reserved_usd END
                   <= limit_usd - %(amount)s
            RETURNING window_start
            """,
            {"id": limit.pk, "window": window, "amount": amount},
        )
        row = cursor.fetchone()
    if row is None:
        raise BudgetExhausted(limit.limit_usd, limit.period, resets_at(cast(Period, limit.period), now))
    return cast(date, row[0])


def _reserving(row: ReservationRow, limit_id: int, window: date) -> LedgerEntry:
    """What the ledger says of one limit's part in a new reservation."""
    return LedgerEntry(
        limit_id=limit_id,
        reservation=row,
        kind=Kind.RESERVE,
        window_start=window,
        reserved_delta_usd=row.amount_usd,
        spent_delta_usd=NOTHING,
        at=row.created_at,
    )


CLOSED_AS = {Kind.SETTLE: State.SETTLED, Kind.RELEASE: State.RELEASED, Kind.EXPIRE: State.EXPIRED}


def _close(reservation_id: UUID, kind: LedgerEntry.Kind, cost_usd: Decimal | None, now: datetime | None) -> Decimal:
    """Move an open reservation to its end and its money with it; the first to come decides, the others read."""
    now = now or timezone.now()
    with transaction.atomic():
        row = ReservationRow.objects.filter(pk=reservation_id).first()
        if row is None:
            raise UnknownReservation(str(reservation_id))
        cost = row.amount_usd if cost_usd is None else cost_usd.quantize(STEP_USD, ROUND_UP)
        claimed = ReservationRow.objects.filter(pk=reservation_id, state=State.OPEN).update(
            state=CLOSED_AS[kind], cost_usd=cost, closed_at=now
        )
        if not claimed:
            row.refresh_from_db()
            return cast(Decimal, row.cost_usd)
        for entry in row.entries.filter(kind=Kind.RESERVE).order_by("limit_id"):
            _book(entry, kind, cost, now)
    return cost


def _book(reserved: LedgerEntry, kind: LedgerEntry.Kind, cost: Decimal, now: datetime) -> None:
    """Turn one limit's reserved money into spent money, in the window it was reserved in."""
    LedgerEntry.objects.create(
        limit_id=reserved.limit_id,
        reservation_id=reserved.reservation_id,
        kind=kind,
        window_start=reserved.window_start,
        reserved_delta_usd=-reserved.reserved_delta_usd,
        spent_delta_usd=cost,
        at=now,
    )
    with connection.cursor() as cursor:
        # A limit whose window has moved on has forgotten this money; only the ledger still tells of it.
        cursor.execute(
            "UPDATE telemetry_budgetlimit SET reserved_usd = reserved_usd - %s, spent_usd = spent_usd + %s"
            " WHERE id = %s AND window_start = %s",
            [reserved.reserved_delta_usd, cost, reserved.limit_id, reserved.window_start],
        )


def _period_status(limit: BudgetLimit, now: datetime) -> PeriodStatus:
    period = cast(Period, limit.period)
    current = limit.window_start >= window_start(period, now)
    return PeriodStatus(
        period=period,
        limit_usd=limit.limit_usd,
        spent_usd=limit.spent_usd if current else NOTHING,
        reserved_usd=limit.reserved_usd if current else NOTHING,
        resets_at=resets_at(period, now),
    )


@contextmanager
def _failing_closed() -> Iterator[None]:
    """A ledger that cannot be written grants nothing."""
    try:
        yield
    except Error as exc:
        raise BudgetUnavailable("the ledger could not be written") from exc
