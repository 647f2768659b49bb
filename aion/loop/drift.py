"""How far this week's questions moved from earlier ones, signal by signal. Pure.

Two samples of each signal are compared by the Kolmogorov-Smirnov distance (the largest gap between their cumulative
shares). It is called large where it is at least `LARGE`, and could hardly be chance: p below `CHANCE` after correction
for the number of signals compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aion.loop.decision import Drift

FEWEST = 100  # questions on each side
LARGE = 0.2
CHANCE = 0.01


def drift(before: Mapping[str, Sequence[float]], after: Mapping[str, Sequence[float]]) -> Drift | None:
    """The signal that moved most of those with `FEWEST` values on both sides; None where there is none."""
    from scipy.stats import ks_2samp

    names = [name for name in before if min(len(before[name]), len(after.get(name, ()))) >= FEWEST]
    compared = []
    for name in names:
        found = ks_2samp(before[name], after[name], method="asymp")
        large = found.statistic >= LARGE and found.pvalue * len(names) < CHANCE
        compared.append(Drift(name, float(found.statistic), len(before[name]), len(after[name]), bool(large)))
    return max(compared, key=lambda one: (one.is_large, one.distance), default=None)
