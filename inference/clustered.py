"""How sure a mean of per-question figures is when questions share documents: the wild cluster bootstrap-t. Pure numpy.

Questions on one document stand or fall together, and there are few documents. Redrawing documents (the plain cluster
bootstrap) then promises too much; multiplying each document's share of the statistic by a random weight and comparing
*studentised* figures does not (Cameron, Gelbach & Miller 2008; the six-point weights are Webb's, for few clusters).
Seeded: the same figures have the same interval. docs/decisions/0025 has the error rates that were simulated.
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
_WEBB = np.sqrt(np.array([0.5, 1.0, 1.5]))
WEIGHTS = np.concatenate([-_WEBB, _WEBB])

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95 % interval, None where one document or one question says nothing about others."""

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

    @property
    def count(self) -> int:
        """Of groups."""
        return len(self._sums)

    def estimate(self) -> Estimate:
        """The mean with its percentile-t interval."""
        if self.count < 2:
            return Estimate(round(self.mean, 4))
        scores = self._sums - self._shares * self.mean
        error = _error(scores)
        if not error:
            return Estimate(*[round(self.mean, 4)] * 3)
        low, high = np.quantile(np.concatenate(list(self._studentised(scores, DRAWS))), [0.025, 0.975])
        bounds = self.mean - high * error, self.mean - low * error
        return Estimate(round(self.mean, 4), *(round(float(bound), 4) for bound in bounds))

    def p_above(self, null: float = 0.0, *, alpha: float = 0.05) -> float:
        """One-sided p of "the mean is above `null`", fine enough to be compared with `alpha`; 1 where one group says
        nothing."""
        if self.count < 2 or self.mean <= null:
            return 1.0
        error = _error(self._sums - self._shares * self.mean)
        seen = (self.mean - null) / error if error else math.inf
        restricted = self._sums - self._shares * null
        draws = min(max(DRAWS, math.ceil(20 / alpha)), MOST_DRAWS)
        as_high = sum(int((drawn >= seen - 1e-12).sum()) for drawn in self._studentised(restricted, draws))
        return (1 + as_high) / (1 + draws)

    def _studentised(self, scores: Floats, draws: int) -> Iterator[Floats]:
        """The statistic of each draw, in pieces: each group's score under a random weight, over its own error."""
        random = np.random.default_rng(SEED)
        for start in range(0, draws, AT_ONCE):
            chosen = random.integers(len(WEIGHTS), size=(min(AT_ONCE, draws - start), self.count), dtype=np.int8)
            drawn = WEIGHTS[chosen] * scores
            means = drawn.sum(axis=1)
            errors = _error(drawn - means[:, None] * self._shares)
            yield np.divide(means, errors, out=np.zeros_like(means), where=errors > 0)


def _error(scores: Floats) -> Floats:
    """The cluster-robust standard error of the sum of scores of `(..., groups)`."""
    count = scores.shape[-1]
    return np.asarray(np.sqrt((scores**2).sum(axis=-1) * count / (count - 1)))
