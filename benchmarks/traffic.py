"""Traffic of an organisation made from real confidences: whose subjects, and what the documents lack, drift.

Each question draws its C from those that AION gave to real questions of its subject, with the source there or hidden.
What is random is which questions come: their number by weekday, the weight of each subject and the share of what the
documents lack wander from day to day, and one subject turns up only after some weeks, which no earlier day has shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chat.tau_lab.traffic import Traffic

WEEKDAYS = np.array([1.25, 1.15, 1.1, 1.1, 1.0, 0.4, 0.3])
SUBJECT_DRIFT = 0.08  # standard deviation a day of a subject's log weight
LACKING_DRIFT = 0.06  # of the log odds that the documents lack what is asked
REVIEWED = 0.1
RIGHT = {True: 0.97, False: 0.25}  # a local answer, by whether the documents hold it

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Subject:
    """The confidences of real questions, with their source there and with it hidden: `(n,)` each."""

    held: Floats
    lacking: Floats


def simulate(subjects: Mapping[str, Subject], *, newcomer: str, days: int, a_day: float, seed: int) -> Traffic:
    """`days` of about `a_day` questions; `newcomer` enters between a third and two thirds of them, over two weeks.
    `p_right` of what comes back is the truth, which no installation knows; a tenth of it is reviewed."""
    draw = np.random.default_rng(seed)
    names = sorted(subjects)
    enters = int(draw.integers(days // 3, 2 * days // 3))
    weight = draw.normal(0, 0.5, len(names))
    odds = draw.normal(-1.2, 0.4, len(names))
    columns: list[tuple[int, float, float, float]] = []
    for day in range(days):
        weight += draw.normal(0, SUBJECT_DRIFT, len(names))
        odds += draw.normal(0, LACKING_DRIFT, len(names))
        there = [1.0 if name != newcomer else float(np.clip((day - enters) / 14, 0, 1)) for name in names]
        mix = np.exp(weight) * there
        for _question in range(draw.poisson(a_day * WEEKDAYS[day % 7])):
            place = int(draw.choice(len(names), p=mix / mix.sum()))
            held = draw.random() >= 1 / (1 + np.exp(-odds[place]))
            subject = subjects[names[place]]
            confidence = float(draw.choice(subject.held if held else subject.lacking))
            right = float(draw.random() < RIGHT[bool(held)]) if draw.random() < REVIEWED else np.nan
            columns.append((day, confidence, right, RIGHT[bool(held)]))
    return _traffic(np.array(columns))


def _traffic(columns: Floats) -> Traffic:
    n = len(columns)
    return Traffic(
        day=columns[:, 0].astype(np.int64) + 1,
        confidence=columns[:, 1],
        tau=np.zeros(n),
        own_tau=np.full(n, np.nan),
        found=np.ones(n, np.bool_),
        forced=np.zeros(n, np.bool_),
        fails=np.zeros(n),
        right=columns[:, 2],
        p_right=columns[:, 3],
        cost_usd=np.full(n, np.nan),
        route=np.full(n, "local"),
    )
