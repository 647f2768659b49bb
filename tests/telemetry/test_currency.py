"""R$ beside US$: at the rate that staff entered, with its day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from telemetry.currency import DEFAULT_RATE, usd_to_brl
from telemetry.models import ExchangeRate

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)  # 12:00 in São Paulo


def enter(rate: str, as_of: date) -> None:
    ExchangeRate.objects.create(rate=Decimal(rate), as_of=as_of)


def test_without_a_rate_the_dated_default_is_used():
    assert usd_to_brl(Decimal(2), NOON) == (2 * DEFAULT_RATE.brl, DEFAULT_RATE.as_of)


def test_the_newest_rate_is_in_force_whatever_the_order_in_which_they_were_entered():
    enter("5.10", date(2026, 11, 20))
    enter("5.90", date(2026, 10, 1))
    assert usd_to_brl(Decimal("0.5"), NOON) == (Decimal("2.55"), date(2026, 11, 20))


def test_of_two_rates_of_one_day_the_one_entered_last_counts():
    enter("5.10", date(2026, 11, 20))
    enter("5.11", date(2026, 11, 20))
    assert usd_to_brl(Decimal(1), NOON)[0] == Decimal("5.11")


def test_what_was_spent_then_is_told_at_the_rate_of_then():
    enter("5.10", date(2026, 11, 1))
    enter("6.00", date(2026, 11, 22))
    just_before = datetime(2026, 11, 22, 2, 59, tzinfo=UTC)  # 21 November, 23:59 in São Paulo
    assert usd_to_brl(Decimal(1), just_before) == (Decimal("5.10"), date(2026, 11, 1))
    assert usd_to_brl(Decimal(1), NOON) == (Decimal("6.00"), date(2026, 11, 22))


def test_a_rate_entered_by_staff_goes_before_the_default_even_if_it_is_older():
    enter("4.00", date(2020, 1, 2))
    assert usd_to_brl(Decimal(1), NOON) == (Decimal("4.00"), date(2020, 1, 2))
