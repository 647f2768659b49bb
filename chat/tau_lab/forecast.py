"""Next week's share of local answers at any tau, and how far such forecasts have been off: the interval is earned.

A forecast is the share at that tau over the past days, recent ones weighing more. Replayed on the past (any tau can
be, since C is logged) it shows by how much it missed the week that followed, in units of what chance alone would miss;
that factor, drift included, widens the interval. With little past a cautious factor stands in for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chat.tau_lab.traffic import Floats, Traffic

WEEK = 7
HALF_LIVES = (2.0, 4.0, 8.0, 16.0, 32.0)  # days after which a day weighs half
TAUS_REPLAYED = np.linspace(0.05, 0.95, 19)
CAUTIOUS_FACTOR = 3.0  # the variance of a miss by that of chance, before a past week has shown any
CAUTION_WEEKS = 2.0  # how many past weeks that counts for
USABLE_WIDTH = 0.10


@dataclass(frozen=True, slots=True)
class Share:
    """A share in [0, 1] with the interval that holds it 19 times of 20."""

    value: float
    low: float
    high: float

    @property
    def width(self) -> float:
        return self.high - self.low

    def holds(self, share: float) -> bool:
        return self.low <= share <= self.high

    @property
    def rest(self) -> Share:
        """The same of what is not this."""
        return Share(1 - self.value, 1 - self.high, 1 - self.low)


@dataclass(frozen=True, slots=True)
class _Past:
    """Days in a row up to the last: `asked` `(d,)` and `local` `(t, d)` counts, for each tau of interest."""

    asked: Floats
    local: Floats


def forecast(traffic: Traffic, taus: Floats, *, last_day: int) -> list[Share]:
    """The share that the local model answers in the seven days after `last_day`, for each tau.

    Of no questions at all anything is possible: [0, 1].
    """
    known = traffic.where(traffic.day <= last_day)
    if not len(known):
        return [Share(0.5, 0.0, 1.0) for _tau in taus]
    replayed = _past(known, TAUS_REPLAYED, last_day)
    half_life, factor, weeks = _earned(replayed)
    past = _past(known, taus, last_day)
    levels = _levels(past, len(past.asked), half_life)
    asked = max(float(past.asked[-2 * WEEK :].mean()) * WEEK, 1.0)
    steady = (levels * asked + 1) / (asked + 2)  # a share of 0 or 1 was seen in so many only
    half = _quantile(weeks) * np.sqrt(factor * steady * (1 - steady) / asked)
    return [
        Share(float(level), float(max(0.0, level - by)), float(min(1.0, level + by)))
        for level, by in zip(levels, half, strict=True)
    ]


def _past(traffic: Traffic, taus: Floats, last_day: int) -> _Past:
    first = int(traffic.day.min())
    days = last_day - first + 1
    place = traffic.day - first
    asked = np.bincount(place, minlength=days).astype(np.float64)
    local = [np.bincount(place, weights=traffic.local_at(tau), minlength=days) for tau in taus]
    return _Past(asked, np.stack(local).astype(np.float64))


def _levels(past: _Past, until: int, half_life: float) -> Floats:
    """`(t,)`: the shares over the days before `until`, each day weighing half of one `half_life` later."""
    latest = int(np.flatnonzero(past.asked[:until])[-1])  # a pause makes the days before it no lighter
    weights = 0.5 ** ((latest - np.arange(latest + 1)) / half_life)
    return np.asarray(past.local[:, : latest + 1] @ weights / (weights @ past.asked[: latest + 1]))


def _quantile(weeks: float) -> float:
    """Student's: how far off one may be 19 times of 20 where the scale itself is known from so many weeks."""
    from scipy.special import stdtrit

    return float(stdtrit(weeks, 0.975))


def _earned(past: _Past) -> tuple[float, float, float]:
    """The half-life whose forecasts missed least, how much more than chance they missed (a factor of variance), and
    from how many weeks that is known."""
    misses = {half_life: _misses(past, half_life) for half_life in HALF_LIVES}
    half_life = min(HALF_LIVES, key=lambda one: misses[one].mean() if misses[one].size else one)
    missed = misses[half_life]
    weeks = missed.size / WEEK  # those of neighbouring days share six of seven days
    factor = (CAUTION_WEEKS * CAUTIOUS_FACTOR + missed.sum() / WEEK) / (CAUTION_WEEKS + weeks)
    return half_life, max(1.0, float(factor)), CAUTION_WEEKS + weeks


def _misses(past: _Past, half_life: float) -> Floats:
    """`(origins,)`: squared errors of week-ahead forecasts by the variance of chance, their mean over the taus."""
    found = []
    for until in range(WEEK, len(past.asked) - WEEK + 1):
        coming = slice(until, until + WEEK)
        asked = past.asked[coming].sum()
        if not asked or not past.asked[:until].any():
            continue
        foretold = _levels(past, until, half_life)
        came = past.local[:, coming].sum(axis=1) / asked
        level = (past.local.sum(axis=1) + 1) / (past.asked.sum() + 2)
        chance = np.maximum(level * (1 - level), 0.01) / asked
        found.append(float(((foretold - came) ** 2 / chance).mean()))
    return np.array(found)
