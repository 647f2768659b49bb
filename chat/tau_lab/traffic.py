"""Logged questions as columns to compute on: one place in each array is one question, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.utils import timezone
from numpy.typing import NDArray

from chat import calibration, correctness
from telemetry.traffic import AskedQuestion, asked_between

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAYS_REPLAYED = 56


@dataclass(frozen=True, slots=True)
class Traffic:
    """`(n,)` each.

    `day` is a proleptic ordinal, `tau` what was in force then; `fails` the probability that the local attempt does not
    pass its check; `right` 1 or 0 as people judged a local answer, NaN where nobody did; `p_right` the probability of
    that as far as C and the answer tell; `cost_usd` what a paid answer cost, NaN where none was asked for.
    """

    day: NDArray[np.int64]
    confidence: Floats
    tau: Floats
    found: Bools
    forced: Bools
    fails: Floats
    right: Floats
    p_right: Floats
    cost_usd: Floats
    route: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.day)

    def where(self, chosen: Bools) -> Traffic:
        """The questions of `chosen`, `(n,) bool`."""
        return Traffic(**{name: getattr(self, name)[chosen] for name in self.__slots__})

    def local_at(self, tau: float) -> Floats:
        """`(n,)`: the probability that the local model answers at this tau."""
        return np.where((self.confidence >= tau) & self.found & ~self.forced, 1.0 - self.fails, 0.0)

    @property
    def reviewed(self) -> Bools:
        return ~np.isnan(self.right)


def load(*, days: int = DAYS_REPLAYED, now: datetime | None = None, rescored: bool = False) -> Traffic:
    """The questions of the last `days`. `rescored`: with the confidence that the calibration in force gives today to
    the signals logged then; else with the one that routed them."""
    now = now or timezone.now()
    asked = asked_between(settings.PRIMARY_TENANT_ID, now - timedelta(days=days), now, with_signals=rescored)
    return traffic_of(asked, rescored=rescored)


def traffic_of(asked: Sequence[AskedQuestion], *, rescored: bool = False) -> Traffic:
    """Columns of logged questions. A local attempt that never was fails as often as those that were."""
    weights = calibration.weights_in_force() if rescored else None
    confidence = [
        weights.probability(row.signals) if weights and set(weights.features) <= set(row.signals) else row.confidence
        for row in asked
    ]
    failing = np.array([np.nan if row.local is None else float(not row.local.passed) for row in asked])
    usual = float(np.nanmean(failing)) if np.isfinite(failing).any() else 0.0
    model = correctness.weights_in_force()
    return Traffic(
        day=np.array([row.day.toordinal() for row in asked], dtype=np.int64),
        confidence=np.array(confidence, dtype=np.float64),
        tau=np.array([row.tau for row in asked], dtype=np.float64),
        found=np.array([row.reason != "nothing_found" for row in asked], dtype=np.bool_),
        forced=np.array([row.forced for row in asked], dtype=np.bool_),
        fails=np.where(np.isnan(failing), usual, failing),
        right=np.array([np.nan if row.right is None else float(row.right) for row in asked], dtype=np.float64),
        p_right=correctness.probabilities(model, asked, confidence),
        cost_usd=np.array([row.cost_usd if row.route == "fallback" else np.nan for row in asked], dtype=np.float64),
        route=np.array([row.route for row in asked], dtype=np.str_),
    )
