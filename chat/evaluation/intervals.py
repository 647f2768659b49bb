"""How sure a figure is: 95 % percentile intervals from resampling documents with replacement (cluster bootstrap).

Questions on one document share its difficulties, so documents are drawn, not questions. Seeded: the same evaluation
has the same intervals. None where there is only one document or one question. The ECE of a resample is biased upwards,
as the ECE of any small sample is: its interval may lie above the figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from chat.calibration import BINS

RESAMPLES = 1000
AT_ONCE = 100  # resamples in memory together: some thousand questions are then some megabytes
SEED = 2026
BOUNDS = (2.5, 97.5)

Interval = list[float]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """One figure's values, a number for each question, and the document (group) of each."""

    values: tuple[float, ...]
    groups: tuple[str, ...]

    @property
    def mean(self) -> float | None:
        return round(sum(self.values) / len(self.values), 4) if self.values else None

    @property
    def interval(self) -> Interval | None:
        """Of the mean."""
        if len(set(self.groups)) < 2:
            return None
        members, draws = _draw(self.groups)
        sums, sizes = np.bincount(members, weights=self.values), np.bincount(members)
        return _bounds((draws @ sums) / (draws @ sizes))


def gate_intervals(labels: Sequence[bool], confidences: Sequence[float], groups: Sequence[str]) -> dict[str, Interval]:
    """Of AUROC, Brier and ECE, both classes weighing alike; {} where there is one document or one class."""
    if len(set(groups)) < 2 or len(set(labels)) < 2:
        return {}
    right, given = np.array(labels, bool), np.array(confidences, float)
    members, draws = _draw(groups)
    batches = [
        gate_scores(right, given, draws[start : start + AT_ONCE, members]) for start in range(0, RESAMPLES, AT_ONCE)
    ]
    return {name: _bounds(np.concatenate([batch[name] for batch in batches])) for name in batches[0]}


def gate_scores(labels: NDArray[np.bool_], confidences: Floats, counts: Floats) -> dict[str, Floats]:
    """`chat.calibration.scores` of many resamples at once: `counts` is `(resamples, n)`, how often each question was
    drawn. NaN where a resample drew only one class."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "auroc": _auroc(confidences[labels], confidences[~labels], counts[:, labels], counts[:, ~labels]),
            **_brier_and_ece(labels, confidences, counts),
        }


def _auroc(positives: Floats, negatives: Floats, drawn: Floats, drawn_negatives: Floats) -> Floats:
    """The share of pairs in which the answerable one has the higher C; a tie is half."""
    order = np.argsort(negatives)
    below = np.cumsum(drawn_negatives[:, order], axis=1)
    below = np.concatenate([np.zeros((len(below), 1)), below], axis=1)
    lower, upper = (np.searchsorted(negatives[order], positives, side) for side in ("left", "right"))
    won = (drawn * (below[:, lower] + below[:, upper]) / 2).sum(axis=1)
    return np.asarray(won / (drawn.sum(axis=1) * drawn_negatives.sum(axis=1)))


def _brier_and_ece(labels: NDArray[np.bool_], confidences: Floats, counts: Floats) -> dict[str, Floats]:
    weights = np.zeros(counts.shape)
    for right in (labels, ~labels):
        weights[:, right] = counts[:, right] / counts[:, right].sum(axis=1, keepdims=True) / 2
    gaps = confidences - labels
    places = np.minimum((confidences * BINS).astype(int), BINS - 1)
    return {
        "brier": weights @ gaps**2,
        "ece": np.abs((weights * gaps) @ np.eye(BINS)[places]).sum(axis=1),
    }


def _draw(groups: Sequence[str]) -> tuple[NDArray[np.intp], Floats]:
    """The group of each question as `(n,)` places, and `(RESAMPLES, groups)`: how often each group was drawn."""
    names, members = np.unique(np.array(groups), return_inverse=True)
    return members, _draws(len(names))


@lru_cache(maxsize=4)
def _draws(count: int) -> Floats:
    even = np.full(count, 1 / count)
    return np.random.default_rng(SEED).multinomial(count, even, size=RESAMPLES).astype(float)


def _bounds(values: Floats) -> Interval:
    low, high = np.nanpercentile(values, BOUNDS)
    return [round(float(low), 4), round(float(high), 4)]
