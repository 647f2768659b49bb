"""Traffic made for tests."""

from __future__ import annotations

import numpy as np

from chat.tau_lab.traffic import Traffic


def traffic(
    *,
    day: list[int],
    confidence: list[float],
    right: list[float] | None = None,
    fails: list[float] | None = None,
    forced: list[bool] | None = None,
    found: list[bool] | None = None,
    route: list[str] | None = None,
    tau: list[float] | None = None,
    own_tau: list[float] | None = None,
) -> Traffic:
    n = len(day)
    return Traffic(
        day=np.array(day, dtype=np.int64),
        confidence=np.array(confidence, dtype=np.float64),
        tau=np.array(tau or [0.0] * n, dtype=np.float64),
        own_tau=np.array(own_tau or [np.nan] * n, dtype=np.float64),
        found=np.array(found or [True] * n, dtype=np.bool_),
        forced=np.array(forced or [False] * n, dtype=np.bool_),
        fails=np.array(fails or [0.0] * n, dtype=np.float64),
        right=np.array(right or [np.nan] * n, dtype=np.float64),
        p_right=np.array(confidence, dtype=np.float64),
        cost_usd=np.full(n, np.nan),
        route=np.array(route or ["local"] * n, dtype=np.str_),
    )


def steady(days: int, a_day: int, *, share_above: float, seed: int = 0) -> Traffic:
    """`days` from day 1 on; a question lies at .9 with the given probability, else at .1."""
    draw = np.random.default_rng(seed)
    day = [1 + number // a_day for number in range(days * a_day)]
    confidence = np.where(draw.random(len(day)) < share_above, 0.9, 0.1)
    return traffic(day=day, confidence=confidence.tolist())
