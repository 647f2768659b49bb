"""What paid models cost. Knows published prices; knows no budget."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_UP, Decimal

PRICES_AS_OF = date(2025, 8, 7)
STEP_USD = Decimal("1e-10")  # the ledger's resolution
MESSAGE_OVERHEAD_TOKENS = 64  # roles and separators of a chat's few messages, which no text shows


@dataclass(frozen=True)
class Price:
    """US$ for a million tokens."""

    input: Decimal
    output: Decimal


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
DEAREST = Price(max(p.input for p in PRICES.values()), max(p.output for p in PRICES.values()))


def price_of(model: str) -> Price:
    """The price of `model` or of the model it is a dated version of; the dearest known for one never heard of."""
    if model in PRICES:
        return PRICES[model]
    base = re.sub(r"-(\d{4}-\d{2}-\d{2}|\d{4}|latest)$", "", model)
    return PRICES.get(base, DEAREST)


def cost_usd(model: str, input_tokens: int, output_tokens: int) -> Decimal:
    """What a call that used these tokens costs, rounded up to the ledger's resolution."""
    price = price_of(model)
    million = Decimal(1_000_000)
    return ((price.input * input_tokens + price.output * output_tokens) / million).quantize(STEP_USD, ROUND_UP)


def max_cost_usd(model: str, prompt_bytes: int, max_output_tokens: int) -> Decimal:
    """The most a call can cost: a byte-level tokenizer makes at most one token of a byte of UTF-8."""
    return cost_usd(model, prompt_bytes + MESSAGE_OVERHEAD_TOKENS, max_output_tokens)
