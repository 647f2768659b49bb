"""What US dollars are in R$, for people to read. Budgets and ledger count in US$ alone; nothing is decided in R$."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone

from telemetry.models import ExchangeRate


@dataclass(frozen=True)
class Rate:
    """R$ for one US$, since the day `as_of`."""

    brl: Decimal
    as_of: date


# An assumption, to be changed: a round figure near the rate of that week, not a quotation. AION asks no bank; staff
# enter the rate that they reckon with in the panel (Exchange rates), and the newest entered is in force.
DEFAULT_RATE = Rate(Decimal("5.40"), date(2025, 8, 7))


def rate_at(at: datetime) -> Rate:
    """The newest rate entered whose day had come at `at`; the default where there is none."""
    day = timezone.localtime(at).date()
    row = ExchangeRate.objects.filter(currency=ExchangeRate.Currency.BRL, as_of__lte=day).first()
    return Rate(row.rate, row.as_of) if row else DEFAULT_RATE


def usd_to_brl(amount: Decimal, at: datetime) -> tuple[Decimal, date]:
    """`amount` US$ in R$, not rounded, and the day of the rate that was in force at `at`."""
    rate = rate_at(at)
    return amount * rate.brl, rate.as_of
