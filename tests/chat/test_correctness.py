"""How likely a given answer is right, learnt from what people said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import numpy as np
import pytest

from chat import calibration, correctness
from chat.exceptions import CalibrationRefused
from chat.models import Calibration
from telemetry.traffic import AskedQuestion, LocalAttempt

pytestmark = pytest.mark.django_db


def reviewed(count: int, *, seed: int = 0) -> list[AskedQuestion]:
    """The model's own doubt tells right from wrong, C tells nothing."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        right = bool(draw.random() < 0.7)
        mean = float(-0.1 - draw.exponential(0.1 if right else 0.8))
        rows.append(
            AskedQuestion(
                event_id=uuid4(),
                at=datetime(2026, 11, 1, 12, tzinfo=UTC) + timedelta(days=number % 12),
                day=date(2026, 11, 1) + timedelta(days=number % 12),
                judge_id=number % 10,
                confidence=float(draw.uniform(0.6, 0.95)),
                tau=0.6,
                route="local",
                reason="confident",
                forced=False,
                cost_usd=0.0,
                local=LocalAttempt(True, "generated", True, mean, 3 * mean),
                right=right,
                signals={},
            )
        )
    return rows


def test_it_learns_from_the_answer_what_the_confidence_does_not_know():
    report = correctness.fit(reviewed(300)).report
    assert report["confidence_alone"]["auroc"] < 0.6
    assert report["auroc"] > 0.8
    assert report["ece"] < 0.12
    assert report["prior"] == pytest.approx(0.7, abs=0.06)


@pytest.mark.parametrize("rows", [reviewed(59), [row for row in reviewed(300) if row.right]])
def test_too_few_or_all_of_a_kind_are_refused(rows):
    with pytest.raises(CalibrationRefused):
        correctness.fit(rows)


def test_reviews_of_one_person_are_too_few_however_many() -> None:
    with pytest.raises(CalibrationRefused):
        correctness.fit([replace(row, judge_id=1) for row in reviewed(300)])


def test_reviews_that_tell_nothing_new_change_nothing() -> None:
    draw = np.random.default_rng(5)
    rows = [
        replace(row, right=bool(draw.random() < row.confidence), local=LocalAttempt(True, "quote"))
        for row in reviewed(80)
    ]
    with pytest.raises(CalibrationRefused, match="Brier"):
        correctness.fit(rows)


def test_a_new_confidence_ends_it() -> None:
    correctness.refit(reviewed(120))
    weights = calibration.weights_in_force()
    calibration.put_in_force(Calibration.Kind.CONFIDENCE, weights, {}, fitted_on="b")
    calibration.forget()
    assert correctness.weights_in_force() is None


def test_it_stands_beside_the_confidence_in_force_and_does_not_touch_it():
    before = calibration.weights_in_force()
    assert correctness.weights_in_force() is None
    assert correctness.probability(0.8, LocalAttempt(True)) is None
    correctness.refit(reviewed(120))
    calibration.forget()
    assert calibration.weights_in_force() == before
    sure = correctness.probability(0.8, LocalAttempt(True, "generated", True, -0.05, -0.2))
    unsure = correctness.probability(0.8, LocalAttempt(True, "generated", True, -1.5, -5.0))
    assert sure is not None
    assert unsure is not None
    assert sure > 0.8 > unsure


def test_without_a_fit_the_confidence_stands_in():
    rows = reviewed(5)
    confidence = [row.confidence for row in rows]
    assert correctness.probabilities(None, rows, confidence).tolist() == confidence
