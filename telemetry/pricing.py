"""What paid models cost: what staff entered, else the published prices. Knows no budget.

Whoever makes a call asks for its price once and keeps it from the reservation to the settlement: a price that changes
in between holds for the next call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_UP, Decimal

from django.db import Error
from django.utils import timezone

from telemetry.exceptions import BudgetUnavailable
from telemetry.models import ModelPrice

PRICES_AS_OF = date(2025, 8, 7)
STEP_USD = Decimal("1e-10")  # the ledger's resolution
MESSAGE_OVERHEAD_TOKENS = 64  # roles and separators of a chat's few messages, which no text shows


@dataclass(frozen=True)
class Price:
    """US$ for a million tokens."""

    input: Decimal
    output: Decimal

    def cost_usd(self, input_tokens: int, output_tokens: int) -> Decimal:
        """What a call that used these tokens costs, rounded up to the ledger's resolution."""
        cost = (self.input * input_tokens + self.output * output_tokens) / Decimal(1_000_000)
        return cost.quantize(STEP_USD, ROUND_UP)

    def max_cost_usd(self, prompt_bytes: int, max_output_tokens: int) -> Decimal:
        """The most a call can cost: a byte-level tokenizer makes at most one token of a byte of UTF-8."""
        return self.cost_usd(prompt_bytes + MESSAGE_OVERHEAD_TOKENS, max_output_tokens)


def _price(input_usd: str, output_usd: str) -> Price:
    return Price(Decimal(input_usd), Decimal(output_usd))


# OpenAI's published list, standard tier, as of PRICES_AS_OF. Cached input is cheaper; not counting on it errs upward.
PRICES: dict[str, Price] = {
    "gpt-3.5-turbo": _price("0.50", "1.50"),
    "gpt-4": _price("30.00", "60.00"),
    "gpt-4-turbo": _price("10.00", "30.00"),
    "gpt-4.1": _price("2.00", "8.00"),
    "gpt-4.1-mini": _price("0.40", "1.60"),
    "gpt-4.1-nano": _price("0.10", "0.40"),
    "gpt-4o": _price("5.00", "15.00"),  # the dearest of its dated versions
    "gpt-4o-mini": _price("0.15", "0.60"),
    "gpt-5": _price("1.25", "10.00"),
    "gpt-5-mini": _price("0.25", "2.00"),
    "gpt-5-nano": _price("0.05", "0.40"),
    "o3": _price("2.00", "8.00"),
    "o4-mini": _price("1.10", "4.40"),
}


def price_of(model: str) -> Price:
    """The price in force of `model` or of the model it is a dated version of; the dearest of all for one never heard
    of. Raises BudgetUnavailable where the prices cannot be read: without a price there is no call."""
    try:
        entered = _entered()
    except Error as exc:
        raise BudgetUnavailable("the prices could not be read") from exc
    for name in (model, re.sub(r"-(\d{4}-\d{2}-\d{2}|\d{4}|latest)$", "", model)):
        if price := entered.get(name) or PRICES.get(name):
            return price
    return dearest([*PRICES.values(), *entered.values()])


def dearest(prices: Iterable[Price]) -> Price:
    """The highest input and the highest output price of them."""
    known = list(prices)
    return Price(max(price.input for price in known), max(price.output for price in known))


def _entered() -> dict[str, Price]:
    """What staff entered, of each model the newest whose day has come."""
    rows = ModelPrice.objects.filter(as_of__lte=timezone.localdate()).order_by("model", "-as_of", "-id")
    return {row.model: Price(row.input_usd, row.output_usd) for row in rows.distinct("model")}
