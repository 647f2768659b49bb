"""What a tau would have meant for the questions of the past weeks: shares, errors, money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import numpy as np

from chat.tau_lab.forecast import Share, forecast
from chat.tau_lab.traffic import Traffic

DAYS_OF_A_MONTH = 30
STRATA = 10  # of C, each with an error rate of its own
PROMISE_WEIGHS = 4.0  # reviews: how much the promise of the probabilities counts in a stratum beside real ones
COUNTED_FROM = 10  # reviews in a stratum
COUNTED_SHARE = 0.9  # of the answers in such strata, for the whole to be called counted
DRAWS = 2000
SEED = 2026


class Basis(StrEnum):
    """What an expected share of wrong answers rests on."""

    REVIEWS = "reviews"
    PROMISE = "promise"


@dataclass(frozen=True, slots=True)
class Errors:
    """The share of local answers that are wrong, with its 95 % interval; `reviews` is how many were counted for it."""

    share: Share
    basis: Basis
    reviews: int


@dataclass(frozen=True, slots=True)
class Consequences:
    """One tau. The shares are next week's: `local` by the model here, the `rest` by the paid API where it is allowed,
    else not found. `usd_a_month` is what the rest would cost, were there no budget."""

    tau: float
    local: Share
    fallback_allowed: bool
    errors: Errors | None
    usd_a_month: Decimal

    @property
    def fallback(self) -> Share:
        return self.local.rest if self.fallback_allowed else Share(0.0, 0.0, 0.0)

    @property
    def abstained(self) -> Share:
        return Share(0.0, 0.0, 0.0) if self.fallback_allowed else self.local.rest


def consequences(
    traffic: Traffic, taus: Sequence[float], *, today: int, fallback_allowed: bool, usd_a_call: Decimal
) -> list[Consequences]:
    """Of each tau, from the traffic up to the day before `today` (a proleptic ordinal)."""
    column = np.array(taus, dtype=np.float64)
    shares = forecast(traffic, column, last_day=today - 1)
    monthly = asked_a_month(traffic, today)
    return [
        Consequences(
            tau=float(tau),
            local=share,
            fallback_allowed=fallback_allowed,
            errors=errors_at(traffic, float(tau)),
            usd_a_month=(usd_a_call * Decimal(monthly * (1 - share.value) if fallback_allowed else 0)).quantize(
                Decimal("0.01")
            ),
        )
        for tau, share in zip(column, shares, strict=True)
    ]


def asked_a_month(traffic: Traffic, today: int) -> float:
    """Questions in thirty days, at the rate of the days before today."""
    past = traffic.day[traffic.day < today]
    return DAYS_OF_A_MONTH * len(past) / float(today - past.min()) if len(past) else 0.0


def errors_at(traffic: Traffic, tau: float) -> Errors | None:
    """Expected among the local answers at `tau`; None where there would be none.

    Each stratum of C has a rate of its own, so that it does not matter which answers people like to review: the wrong
    of its reviews, beside what P(correct) (or C, where no reviews gave one) promises, which weighs like a few reviews
    and is all there is where nothing was reviewed. The interval is that of the strata's Beta distributions together.
    """
    local = traffic.local_at(tau)
    if not local.sum():
        return None
    stratum = np.minimum((traffic.confidence * STRATA).astype(np.int64), STRATA - 1)
    answered = np.bincount(stratum, weights=local, minlength=STRATA)
    promised = np.bincount(stratum, weights=local * (1 - traffic.p_right), minlength=STRATA)
    usual = np.clip(promised / np.maximum(answered, 1e-9), 0.01, 0.99)
    judged = traffic.reviewed & (local > 0)
    reviews = np.bincount(stratum[judged], minlength=STRATA)
    wrong = np.bincount(stratum[judged], weights=traffic.right[judged] == 0, minlength=STRATA)
    a, b = wrong + PROMISE_WEIGHS * usual, reviews - wrong + PROMISE_WEIGHS * (1 - usual)
    part = answered / answered.sum()
    drawn = np.random.default_rng(SEED).beta(a, b, (DRAWS, STRATA)) @ part
    low, high = np.percentile(drawn, (2.5, 97.5))
    counted = float(part[reviews >= COUNTED_FROM].sum()) >= COUNTED_SHARE
    share = Share(float((a / (a + b)) @ part), float(low), float(high))
    return Errors(share, Basis.REVIEWS if counted else Basis.PROMISE, int(reviews.sum()))
