"""Prices: never too low."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from telemetry.exceptions import BudgetUnavailable
from telemetry.models import ModelPrice
from telemetry.pricing import PRICES, Price, dearest, price_of

pytestmark = pytest.mark.django_db


def enter(model: str, input_usd: str, output_usd: str, *, days_ago: int = 0) -> None:
    ModelPrice.objects.create(
        model=model,
        input_usd=Decimal(input_usd),
        output_usd=Decimal(output_usd),
        as_of=timezone.localdate() - timedelta(days=days_ago),
    )


def test_cost_is_input_and_output_at_their_prices():
    assert price_of("gpt-4o-mini").cost_usd(1_000_000, 1_000_000) == Decimal("0.75")


def test_a_single_token_costs_something():
    assert price_of("gpt-5-nano").cost_usd(1, 0) == Decimal("0.00000005")


@pytest.mark.parametrize("dated", ["gpt-4o-mini-2024-07-18", "gpt-4-0613", "gpt-4o-latest"])
def test_a_dated_version_costs_what_its_model_costs(dated):
    assert price_of(dated) in PRICES.values()
    assert price_of(dated) == price_of(dated.removesuffix("-2024-07-18").removesuffix("-0613").removesuffix("-latest"))


def test_an_unknown_model_is_taken_for_the_dearest():
    unknown = price_of("gpt-99-ultra")
    assert unknown == dearest(PRICES.values())
    assert all(unknown.input >= price.input and unknown.output >= price.output for price in PRICES.values())


def test_the_maximum_covers_a_token_for_each_byte():
    prompt = "ação " * 100
    size = len(prompt.encode())
    assert price_of("gpt-4o").max_cost_usd(size, 512) > price_of("gpt-4o").cost_usd(size, 512)


def test_a_price_that_staff_entered_goes_before_the_published_one_for_dated_versions_too():
    enter("gpt-4o", "2.50", "10.00")
    assert price_of("gpt-4o") == price_of("gpt-4o-2024-08-06") == Price(Decimal("2.5"), Decimal(10))
    assert price_of("gpt-4o-mini") == PRICES["gpt-4o-mini"]


def test_the_newest_price_is_in_force_and_one_of_tomorrow_is_not_yet():
    enter("sabia-3", "9", "9", days_ago=30)
    enter("sabia-3", "5", "7", days_ago=1)
    enter("sabia-3", "1", "1", days_ago=60)
    enter("sabia-3", "2", "2", days_ago=-1)
    assert price_of("sabia-3") == Price(Decimal(5), Decimal(7))


def test_of_two_prices_of_one_day_the_one_entered_last_counts():
    enter("sabia-3", "5", "7")
    enter("sabia-3", "6", "8")
    assert price_of("sabia-3") == Price(Decimal(6), Decimal(8))


def test_an_unknown_model_is_as_dear_as_the_dearest_that_staff_entered():
    enter("o9-pro", "150", "600")
    assert price_of("gpt-99-ultra") == Price(Decimal(150), Decimal(600))


def test_a_dear_model_entered_cheap_does_not_make_unknown_ones_cheap():
    enter("gpt-4", "0.01", "0.01")
    assert price_of("gpt-99-ultra") == dearest(PRICES.values())


def test_without_prices_there_is_no_money():
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_modelprice RENAME TO gone")
    with pytest.raises(BudgetUnavailable):
        price_of("gpt-4o")
