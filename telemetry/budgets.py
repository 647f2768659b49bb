"""Money is reserved before it is spent: no reservation, no paid call.

A day's and a month's limit hold everyone; a user group or an API key may have limits of its own besides.
Counters change by conditional UPDATE only, limits always in id order, so any number of threads and processes share
them without overspending and without deadlock. Each change leaves a ledger entry; `telemetry.ledger` adds them up.
Windows are days and months of AION_TIME_ZONE; the first reservation of a new window empties the counters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_UP, Decimal
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import Error, connection, transaction
from django.utils import timezone

from telemetry import alerts
from telemetry.exceptions import BudgetExhausted, BudgetUnavailable, UnknownReservation
from telemetry.models import BudgetLimit, LedgerEntry
from telemetry.models import Reservation as ReservationRow
from telemetry.pricing import STEP_USD
from telemetry.windows import Period, window_end, window_start

Kind = LedgerEntry.Kind
State = ReservationRow.State
NOTHING = Decimal(0)


@dataclass(frozen=True)
class Reservation:
    id: UUID
    amount_usd: Decimal


@dataclass(frozen=True)
class LimitStatus:
    """A limit and what is gone of it; of a group or a key where it names one, else of everyone. `alerted` are the
    thresholds announced in this window, in percent."""

    id: int
    period: Period
    group: str
    key_id: int | None
    key_name: str
    limit_usd: Decimal
    spent_usd: Decimal
    reserved_usd: Decimal
    resets_at: datetime
    alerted: tuple[int, ...]

    @property
    def is_general(self) -> bool:
        return not self.group and self.key_id is None

    @property
    def highest_percent(self) -> int:
        """The highest threshold reached or announced, 0 below all of them."""
        return max((*self.alerted, *alerts.reached(spent_usd=self.spent_usd, limit_usd=self.limit_usd)), default=0)


@dataclass(frozen=True)
class BudgetStatus:
    """All limits in force, in the order they were made."""

    limits: tuple[LimitStatus, ...]

    @property
    def periods(self) -> tuple[LimitStatus, ...]:
        """The general ones."""
        return tuple(limit for limit in self.limits if limit.is_general)


def reserve(
    *,
    tenant: str,
    max_cost_usd: Decimal,
    user_id: int | None,
    key_id: int | None,
    groups: Sequence[str] | None = (),
    tag: str = "rag-answer",
    ttl_s: float = 120,
    now: datetime | None = None,
) -> Reservation:
    """Set `max_cost_usd` aside under every limit that holds the caller, or under none.

    The general limits hold everyone; besides, each limit of one of `groups` (names; None: of no group, as a superuser
    or a service is) and of the key.
    Raises BudgetExhausted when a limit has no room, BudgetUnavailable when the ledger cannot be written: both are
    BudgetRefused, and then no paid call may be made. Not inside a transaction: the money must be set aside for good
    before the call begins. A reservation neither settled nor released within `ttl_s` is charged at its maximum.
    """
    if not max_cost_usd.is_finite() or max_cost_usd < 0:
        raise ValueError(f"cannot reserve US$ {max_cost_usd}")
    amount = max_cost_usd.quantize(STEP_USD, ROUND_UP)
    now = now or timezone.now()
    row = ReservationRow(
        tenant=tenant,
        amount_usd=amount,
        tag=tag,
        user_id=user_id,
        key_id=key_id,
        created_at=now,
        expires_at=now + timedelta(seconds=ttl_s),
    )
    with _failing_closed():
        try:
            _set_aside(row, groups or ())
        except BudgetExhausted as refused:
            window = window_start(cast(Period, refused.period), now)
            with transaction.atomic():
                alerts.announce_used_up(refused.limit_id, window, refused_usd=amount)
            raise
    return Reservation(row.pk, amount)


def settle(reservation_id: UUID, *, cost_usd: Decimal | None, now: datetime | None = None) -> Decimal:
    """Charge what the call cost and free the rest; return what was charged.

    None means unknown and charges the maximum, since the provider may have charged. A cost above what was reserved is
    booked as it is: the ledger tells what was charged. A second settlement changes nothing and returns what the first
    one charged. Raises UnknownReservation.
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
    """The tenant's limits in force and what is gone of them in the windows of `now`."""
    now = now or timezone.now()
    return BudgetStatus(tuple(limit_status(limit, now) for limit in _limits(tenant, now)))


def limit_status(limit: BudgetLimit, now: datetime) -> LimitStatus:
    """What is gone of one limit in the window of `now`, which its row may not have come to yet."""
    period = cast(Period, limit.period)
    current = limit.window_start >= window_start(period, now)
    return LimitStatus(
        id=limit.pk,
        period=period,
        group=limit.group,
        key_id=limit.key_id,
        key_name=limit.key_name,
        limit_usd=limit.limit_usd,
        spent_usd=limit.spent_usd if current else NOTHING,
        reserved_usd=limit.reserved_usd if current else NOTHING,
        resets_at=resets_at(period, now),
        alerted=tuple(limit.alerted) if current else (),
    )


def resets_at(period: Period, now: datetime) -> datetime:
    """When the window that holds `now` ends."""
    return window_end(period, window_start(period, now))


def _set_aside(row: ReservationRow, groups: Sequence[str]) -> None:
    """Take the row's money under every limit that holds its caller; a limit without room undoes all."""
    with transaction.atomic(durable=True):
        limits = _limits_of(row.tenant, groups, row.key_id, row.created_at)
        taken = [(limit.pk, _take(limit, row.amount_usd, row.created_at)) for limit in limits]
        row.save(force_insert=True)
        LedgerEntry.objects.bulk_create(_reserving(row, limit_id, window) for limit_id, window in taken)


def _limits_of(tenant: str, groups: Sequence[str], key_id: int | None, now: datetime) -> list[BudgetLimit]:
    """The limits that hold a caller, in id order. A group or a key without limits has the general ones alone."""
    return [
        limit
        for limit in _limits(tenant, now)
        if limit.is_general or limit.group in groups or (limit.key_id is not None and limit.key_id == key_id)
    ]


def _limits(tenant: str, now: datetime) -> list[BudgetLimit]:
    """The tenant's limits in force, in id order; the general ones are made from the environment where they lack."""
    in_force = BudgetLimit.objects.filter(tenant=tenant, active=True).order_by("id")
    limits = list(in_force)
    if {limit.period for limit in limits if limit.is_general} >= {"day", "month"}:
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
    return list(in_force.all())


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
                   reserved_usd = CASE WHEN window_start < %(window)s THEN 0 ELSE reserved_usd END + %(amount)s,
                   alerted      = CASE WHEN window_start < %(window)s THEN '{}' ELSE alerted END
             WHERE id = %(id)s
               AND CASE WHEN window_start < %(window)s THEN 0 ELSE spent_usd + reserved_usd END
                   <= limit_usd - %(amount)s
            RETURNING window_start
            """,
            {"id": limit.pk, "window": window, "amount": amount},
        )
        row = cursor.fetchone()
    if row is None:
        raise BudgetExhausted(
            limit.limit_usd,
            limit.period,
            window_end(cast(Period, limit.period), window),
            limit_id=limit.pk,
            group=limit.group,
            key_id=limit.key_id,
        )
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
            " WHERE id = %s AND window_start = %s RETURNING limit_usd, spent_usd",
            [reserved.reserved_delta_usd, cost, reserved.limit_id, reserved.window_start],
        )
        row = cursor.fetchone()
    if row is not None:
        limit_usd, spent_usd = row
        reached = alerts.reached(spent_usd=spent_usd, limit_usd=limit_usd)
        alerts.announce(reserved.limit_id, reserved.window_start, percents=reached)


@contextmanager
def _failing_closed() -> Iterator[None]:
    """A ledger that cannot be written grants nothing."""
    try:
        yield
    except Error as exc:
        raise BudgetUnavailable("the ledger could not be written") from exc
