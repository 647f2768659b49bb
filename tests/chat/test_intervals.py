"""Intervals from resampling documents: reproducible, honest about what hangs together, silent where they must be."""

from __future__ import annotations

import numpy as np
import pytest

from chat.calibration import scores
from chat.evaluation.intervals import Sample, gate_intervals, gate_scores

RANDOM = np.random.default_rng(3)


def test_an_interval_holds_its_mean_and_is_the_same_each_time():
    sample = Sample(tuple(RANDOM.random(200)), tuple(f"d{index % 20}" for index in range(200)))
    low, high = sample.interval or (1, 0)
    assert low < (sample.mean or 0) < high
    assert sample.interval == [low, high]


def test_questions_on_one_document_count_as_one():
    values = tuple(float(index < 100) for index in range(200))
    apart = Sample(values, tuple(f"d{index}" for index in range(200))).interval
    together = Sample(values, tuple(f"d{index // 50}" for index in range(200))).interval
    assert apart is not None
    assert together is not None
    assert together[1] - together[0] > 2 * (apart[1] - apart[0])


@pytest.mark.parametrize("groups", [(), ("d",), ("d", "d", "d")])
def test_one_document_or_one_question_has_no_interval(groups):
    assert Sample((0.5,) * len(groups), groups).interval is None
    assert gate_intervals([True] * len(groups), [0.5] * len(groups), groups) == {}


def test_one_class_has_no_interval():
    assert gate_intervals([True, True], [0.2, 0.9], ["a", "b"]) == {}


def test_drawn_once_each_the_figures_are_those_of_the_calibration():
    labels = RANDOM.random(300) < 0.4
    given = np.round(np.where(labels, 0.6, 0.4) + RANDOM.normal(0, 0.25, 300), 2).clip(0, 1)
    ours = gate_scores(labels, given, np.ones((1, 300)))
    assert {name: round(float(values[0]), 4) for name, values in ours.items()} == scores(labels, given)


def test_a_question_drawn_twice_weighs_twice():
    labels, given = np.array([True, False, False]), np.array([0.5, 0.9, 0.1])
    assert gate_scores(labels, given, np.array([[1.0, 2.0, 1.0]]))["auroc"] == pytest.approx(1 / 3)


def test_the_gates_intervals_surround_its_figures():
    labels = [index % 2 == 0 for index in range(200)]
    given = [min(1.0, max(0.0, 0.5 + (0.2 if right else -0.2) + RANDOM.normal(0, 0.2))) for right in labels]
    intervals = gate_intervals(labels, given, [f"d{index // 10}" for index in range(200)])
    figures = scores(np.array(labels), np.array(given))
    for name in ("auroc", "brier"):
        low, high = intervals[name]
        assert low < figures[name] < high
