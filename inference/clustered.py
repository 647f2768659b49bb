"""How sure a mean of per-question figures is when questions share documents: each document's sign drawn anew.

Questions on one document stand or fall together, so documents carry the chance. If the true mean were x, each document
could as well lie as far on the other side of x (Fisher's sign-flip test, by cluster). Nothing else is supposed: neither
a bell curve nor many documents. Four that differ are worth 1 in 16, where a bootstrap of the mean, studentised or not,
is too sure (docs/decisions/0025 has the rates).

Flipping a set of documents gives a mean as high as the one seen exactly where the set's own mean is x or less. So the
means of random sets of documents ("typical values", Hartigan 1969) give the p of every x, and the interval, at once.
Pure numpy, seeded: the same figures have the same interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEED = 2026
DRAWS = 9_999
MOST_DRAWS = 400_000
AT_ONCE = 5_000  # draws in memory together: with 500 documents 20 MB
ENUMERATED = 12  # documents; all their 4096 sets are looked at
OUTSIDE = 0.025  # of the 95 % interval, on each side
EQUAL = 1e-12  # sums that differ by less are the same

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval, None where so few documents (fewer than six) or questions bound nothing."""

    value: float
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


class Clustered:
    """`(n,)` values of questions, their weights (they need not add up to 1) and groups.

    `estimate` is of the weighted mean; `p_above(x)` is how likely a mean as high as this one is to be seen though the
    true mean is `x` or less.
    """

    def __init__(self, values: Sequence[float], groups: Sequence[str], weights: Sequence[float] | None = None) -> None:
        given = np.ones(len(values)) if weights is None else np.asarray(weights, float)
        shares = given / given.sum()
        names, members = np.unique(np.asarray(groups), return_inverse=True)
        weighed = shares * np.asarray(values, float)
        self._sums = np.bincount(members, weights=weighed, minlength=len(names)).astype(float)
        self._shares = np.bincount(members, weights=shares, minlength=len(names)).astype(float)
        self.mean = float(self._sums.sum())

    def estimate(self) -> Estimate:
        """The mean with every x that neither side's test refuses."""
        means = np.concatenate(
            [sets @ self._sums / np.maximum(sets @ self._shares, EQUAL) for sets in _sets(len(self._sums), DRAWS)]
        )
        filled = np.sort(means[1:])  # the first set is empty and bounds nothing
        beyond = math.floor(OUTSIDE * len(means)) - 1  # that may lie outside, beside the empty one
        value = round(self.mean, 4)
        if beyond < 0:
            return Estimate(value)
        return Estimate(value, round(float(filled[beyond]), 4), round(float(filled[-1 - beyond]), 4))

    def p_above(self, null: float = 0.0, *, alpha: float = 0.05) -> float:
        """One-sided p of "the mean is above `null`", fine enough to be compared with `alpha`."""
        if self.mean <= null:
            return 1.0
        scores = self._sums - self._shares * null
        scores = scores[np.abs(scores) > EQUAL]
        draws = min(max(DRAWS, math.ceil(20 / alpha)), MOST_DRAWS)
        counted = [(int((sets @ scores <= EQUAL).sum()), len(sets)) for sets in _sets(len(scores), draws)]
        return sum(as_high for as_high, _all in counted) / sum(every for _as_high, every in counted)


def _sets(count: int, draws: int) -> Iterator[Floats]:
    """Sets of `count` documents as rows of 0 and 1, in pieces: all there are or, of many documents, the empty one
    (what was seen, with no sign turned) and `draws` random ones."""
    if count <= ENUMERATED:
        yield (np.arange(2**count)[:, None] >> np.arange(count) & 1).astype(float)
        return
    yield np.zeros((1, count))
    random = np.random.default_rng(SEED)
    for start in range(0, draws, AT_ONCE):
        yield random.integers(2, size=(min(AT_ONCE, draws - start), count), dtype=np.int8).astype(float)
