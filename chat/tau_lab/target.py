"""Tau by a target: the lowest one at which at most so many of the local answers are wrong, as far as reviews prove it.

Going down from a tau with just enough reviews, each is tested by the exact (Clopper-Pearson) upper bound of its share
of wrong answers; the first that fails ends the walk, so that looking at many does not weaken the promise (fixed
sequence testing: Angelopoulos et al., "Learn then Test", 2021). Walks from several starting points share the risk.
The order depends on how many reviews there are, never on what they say. For a tau only those answers count that were
given under it or a lower one: under a higher one its weakest answers were not given, and so could not be reviewed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import dropwhile, takewhile
from math import ceil, log

import numpy as np

from chat.tau_lab.traffic import Traffic

RISK = 0.05  # of promising too much
STARTS = (1, 3, 9)  # times the fewest reviews that can prove anything
GRID = np.round(np.arange(100, -1, -1) / 100, 2)
MOST_REVIEWS = 20_000


@dataclass(frozen=True, slots=True)
class Judged:
    """The reviewed local answers at or above a tau, and how many of them were wrong."""

    tau: float
    reviews: int
    wrong: int

    @property
    def share(self) -> float:
        return self.wrong / self.reviews if self.reviews else 0.0


@dataclass(frozen=True, slots=True)
class Choice:
    """`tau` keeps the target, `upper_bound` proves it; or None, and `more_reviews` says how many are lacking at the
    rate seen so far (None: at that rate no number would do)."""

    target: float
    tau: float | None
    judged: Judged | None
    upper_bound: float | None
    more_reviews: int | None


def tau_for(traffic: Traffic, target: float) -> Choice:
    """The lowest tau at which at most `target` (0-1) of the local answers are wrong, with 95 % confidence."""
    judged = _judged(traffic)
    risk = RISK / len(STARTS)
    kept = [held for start in STARTS if (held := _walk(judged, target, risk, start * fewest_reviews(target, risk)))]
    if kept:
        best = min(kept, key=lambda one: one.tau)
        return Choice(target, best.tau, best, upper_bound(best.wrong, best.reviews, risk), 0)
    return Choice(target, None, None, None, _lacking(judged, target, risk))


def fewest_reviews(target: float, risk: float = RISK) -> int:
    """So many right answers in a row prove that at most `target` are wrong."""
    return ceil(log(risk) / log(1 - target))


def upper_bound(wrong: int, reviews: int, risk: float = RISK) -> float:
    """The exact upper confidence bound of a share, one-sided; 1 of no reviews."""
    from scipy.special import betaincinv

    return 1.0 if wrong >= reviews else float(betaincinv(wrong + 1, reviews - wrong, 1 - risk))


def _judged(traffic: Traffic) -> list[Judged]:
    """For each tau of the grid, from 1 down."""
    reviewed = traffic.where(traffic.reviewed)
    judged = []
    for tau in GRID:
        counted = (reviewed.confidence >= tau) & (reviewed.tau <= tau)
        wrong = counted & (reviewed.right == 0)
        judged.append(Judged(float(tau), int(counted.sum()), int(wrong.sum())))
    return judged


def _walk(judged: list[Judged], target: float, risk: float, fewest: int) -> Judged | None:
    """The last that holds, going down from the first with `fewest` reviews."""
    held: Judged | None = None
    enough = dropwhile(lambda one: one.reviews < fewest, judged)
    for one in takewhile(lambda one: upper_bound(one.wrong, one.reviews, risk) <= target, enough):
        held = one
    return held


def _lacking(judged: list[Judged], target: float, risk: float) -> int | None:
    """The fewest further reviews after which some tau would hold if its share of wrong answers stayed as it is."""
    if not any(one.reviews for one in judged):
        return fewest_reviews(target, risk)
    return min((more for one in judged if (more := _lacking_at(one, target, risk)) is not None), default=None)


def _lacking_at(one: Judged, target: float, risk: float) -> int | None:
    if not one.reviews or one.share >= target:
        return None
    if upper_bound(one.wrong, one.reviews, risk) <= target:  # no walk came so far: the next one has to begin here
        starts = (start * fewest_reviews(target, risk) for start in STARTS)
        return next((start for start in starts if start > one.reviews), 2 * one.reviews) - one.reviews
    low, high = max(one.reviews, fewest_reviews(target, risk)), MOST_REVIEWS
    if upper_bound(ceil(one.share * high), high, risk) > target:
        return None
    while low < high:
        middle = (low + high) // 2
        if upper_bound(ceil(one.share * middle), middle, risk) <= target:
            high = middle
        else:
            low = middle + 1
    return low - one.reviews
