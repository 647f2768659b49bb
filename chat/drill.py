"""A drill of the paid API: one small real question to each model of the order, by the very path that questions take."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from django.conf import settings

from chat.answers import Asker
from chat.control import ChatPolicy
from chat.exceptions import FallbackFailed, FallbackUnavailable
from chat.fallback import ANSWERED, PaidAttempt, Spending, Terms, ask_provider, most_usd
from chat.prompts import build_messages
from chat.providers import order_of
from telemetry import budgets
from telemetry.pii import mask_for_egress

QUESTION = "Meu CPF é 529.982.247-25. Responda apenas com a palavra: pronto."  # nobody's, and valid: it must not leave
TERMS = Terms(tag="drill", max_output_tokens=256, probing=True)
DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Drill:
    """What was seen; `untried` are models for which time or money did not reach, `left_usd` is by period."""

    masked_kinds: tuple[str, ...]
    attempts: tuple[PaidAttempt, ...]
    untried: tuple[str, ...]
    left_usd: Mapping[str, Decimal]

    @property
    def works(self) -> bool:
        return any(attempt.outcome == ANSWERED for attempt in self.attempts)

    def as_dict(self) -> dict[str, Any]:
        return {
            "works": self.works,
            "masked_kinds": list(self.masked_kinds),
            "attempts": [attempt.as_dict() for attempt in self.attempts],
            "untried": list(self.untried),
            "left_usd": {period: float(usd) for period, usd in self.left_usd.items()},
        }


def drill_fallback(policy: ChatPolicy, *, asker: Asker) -> Drill:
    """Ask every model, also while the fallback is off or a circuit is open. Raises `FallbackUnavailable` where the
    budget grants not even the first call."""
    spending = Spending()
    until = time.monotonic() + DEADLINE_S
    order = [str(paid) for paid in order_of(policy.fallback_model)]
    while order and (left_s := until - time.monotonic()) > 0:
        alone = replace(policy, fallback_model=order[0])
        try:
            for _part in ask_provider(
                QUESTION, (), policy=alone, asker=asker, spending=spending, deadline_s=left_s, terms=TERMS
            ):
                pass
        except FallbackFailed:
            pass  # the attempts tell
        except FallbackUnavailable:
            if not spending.attempts:
                raise
            break
        order.pop(0)
    return Drill(spending.masked_kinds, tuple(spending.attempts), tuple(order), left_usd())


def most_a_drill_costs_usd(policy: ChatPolicy) -> Decimal:
    """The sum of what it reserves."""
    (question,) = mask_for_egress([QUESTION]).texts
    messages = build_messages(question, (), system_prompt=policy.system_prompt)
    return sum((most_usd(paid, messages, TERMS) for paid in order_of(policy.fallback_model)), Decimal(0))


def left_usd() -> dict[str, Decimal]:
    """What may still be spent, by period."""
    periods = budgets.status(settings.PRIMARY_TENANT_ID).periods
    return {each.period: max(Decimal(0), each.limit_usd - each.spent_usd - each.reserved_usd) for each in periods}
