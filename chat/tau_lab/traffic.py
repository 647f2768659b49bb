"""Logged questions as columns to compute on: one place in each array is one question, oldest first."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.conf import settings
from django.utils import timezone
from numpy.typing import NDArray

from chat import calibration, control, correctness
from chat.judges import counted
from chat.models import ChatSettingsRevision
from telemetry.traffic import AskedQuestion, asked_between

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DAYS_REPLAYED = 56


WARNED, SWITCHED = "warned", "switched"


@dataclass(frozen=True, slots=True)
class Traffic:
    """`(n,)` each.

    `day` is a proleptic ordinal; `tau` what was in force for the question, NaN where unknown; `own_tau` the same where
    that was not everybody's (a group's, or chosen for this question), which a change for everybody does not move, else
    NaN. `fails` is the probability that the local attempt does not pass its check; `right` 1 or 0 as people judged a
    local answer, NaN where nobody did; `p_right` the probability of that as far as C and the answer tell; `cost_usd`
    what a paid answer cost, NaN where none was asked for. `route` is `local`, `fallback`, `abstain`, `warned` (a local
    answer below tau) or `switched` (the timed switch took the question to the paid API).
    """

    day: NDArray[np.int64]
    confidence: Floats
    tau: Floats
    own_tau: Floats
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
        """`(n,)`: the probability that the local model answers where this tau is everybody's."""
        threshold = np.where(np.isnan(self.own_tau), tau, self.own_tau)
        return np.where((self.confidence >= threshold) & self.found & ~self.forced, 1.0 - self.fails, 0.0)

    @property
    def reviewed(self) -> Bools:
        return ~np.isnan(self.right)


def load(*, days: int = DAYS_REPLAYED, now: datetime | None = None, rescored: bool = False) -> Traffic:
    """The questions of the last `days`. `rescored`: with the confidence that the calibration in force gives today to
    the signals logged then, without those whose signals it does not know; else with the one that routed them."""
    now = now or timezone.now()
    asked = asked_between(settings.PRIMARY_TENANT_ID, now - timedelta(days=days), now, with_signals=rescored)
    return traffic_of(asked, rescored=rescored)


def traffic_of(asked: Sequence[AskedQuestion], *, rescored: bool = False) -> Traffic:
    """Columns of logged questions. A local attempt that never was fails as often as those that were."""
    confidence = [row.confidence for row in asked]
    if rescored:
        weights = calibration.weights_in_force()
        asked = [row for row in asked if set(weights.features) <= set(row.signals)]
        confidence = [weights.probability(row.signals) for row in asked]
    failing = np.array([np.nan if row.local is None else float(not row.local.passed) for row in asked])
    usual = float(np.nanmean(failing)) if np.isfinite(failing).any() else 0.0
    tau = np.array([row.tau for row in asked], dtype=np.float64)
    general = _general_tau([row.at for row in asked])
    return Traffic(
        day=np.array([row.day.toordinal() for row in asked], dtype=np.int64),
        confidence=np.array(confidence, dtype=np.float64),
        tau=tau,
        own_tau=np.where(np.isclose(tau, general), np.nan, tau),
        found=np.array([row.reason != "nothing_found" for row in asked], dtype=np.bool_),
        forced=np.array([row.forced for row in asked], dtype=np.bool_),
        fails=np.where(np.isnan(failing), usual, failing),
        right=_judgements(asked),
        p_right=correctness.probabilities(correctness.weights_in_force(), asked, confidence),
        cost_usd=np.array([row.cost_usd if row.route == "fallback" else np.nan for row in asked], dtype=np.float64),
        route=np.array([_route(row) for row in asked], dtype=np.str_),
    )


def _route(row: AskedQuestion) -> str:
    if row.reason == "low_confidence_warned":
        return WARNED
    return SWITCHED if row.reason == "forced" and not row.forced else row.route


def _judgements(asked: Sequence[AskedQuestion]) -> Floats:
    """What people said of local answers, as far as it counts; nothing of warned ones, which stand below tau."""
    judged = [place for place, row in enumerate(asked) if row.right is not None and _route(row) == "local"]
    right = np.full(len(asked), np.nan)
    for place, counts in zip(judged, counted([asked[place].judge_id for place in judged]), strict=True):
        if counts:
            right[place] = float(bool(asked[place].right))
    return right


def _general_tau(moments: Sequence[datetime]) -> Floats:
    """`(n,)`: everybody's tau at each moment, by the revisions of the settings."""
    inherited = control.defaults().tau
    revisions = list(ChatSettingsRevision.objects.order_by("at").values_list("at", "tau"))
    taus = np.array([inherited, *(inherited if tau is None else tau for _at, tau in revisions)], dtype=np.float64)
    starts = [at for at, _tau in revisions]
    return taus[[bisect_right(starts, moment) for moment in moments]] if moments else np.zeros(0)
