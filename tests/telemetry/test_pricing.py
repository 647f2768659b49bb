"""Prices: never too low."""

from __future__ import annotations

from decimal import Decimal

import pytest

from telemetry.pricing import DEAREST, PRICES, cost_usd, max_cost_usd, price_of


def test_cost_is_input_and_output_at_their_prices():
    assert cost_usd("gpt-4o-mini", 1_000_000, 1_000_000) == Decimal("0.75")


def test_a_single_token_costs_something():
    assert cost_usd("gpt-5-nano", 1, 0) == Decimal("0.00000005")


@pytest.mark.parametrize("dated", ["gpt-4o-mini-2024-07-18", "gpt-4-0613", "gpt-4o-latest"])
def test_a_dated_version_costs_what_its_model_costs(dated):
    assert price_of(dated) in PRICES.values()
    assert price_of(dated) == price_of(dated.removesuffix("-2024-07-18").removesuffix("-0613").removesuffix("-latest"))


def test_an_unknown_model_is_taken_for_the_dearest():
    assert price_of("gpt-99-ultra") == DEAREST
    assert all(DEAREST.input >= price.input and DEAREST.output >= price.output for price in PRICES.values())


def test_the_maximum_covers_a_token_for_each_byte():
    prompt = "ação " * 100
    size = len(prompt.encode())
    assert max_cost_usd("gpt-4o", size, 512) > cost_usd("gpt-4o", size, 512)
