"""tau chosen by how many answers may be wrong."""

from __future__ import annotations

import numpy as np
import pytest

from chat.tau_lab.target import RISK, STARTS, fewest_reviews, tau_for, upper_bound
from chat.tau_lab.traffic import Traffic
from tests.chat.tau_lab.traffic import traffic


def reviewed(*levels: tuple[float, int, int]) -> Traffic:
    """Reviewed answers as (confidence, right, wrong)."""
    confidence = [level for level, right, wrong in levels for _ in range(right + wrong)]
    verdicts = [verdict for _level, right, wrong in levels for verdict in [1.0] * right + [0.0] * wrong]
    return traffic(day=[1] * len(confidence), confidence=confidence, right=verdicts)


def test_the_bound_is_the_exact_one() -> None:
    assert upper_bound(0, 59) < 0.05 < upper_bound(0, 58)  # the rule of three, exactly
    assert upper_bound(3, 100) == pytest.approx(0.0757, abs=1e-4)  # Clopper and Pearson, one-sided 95 %
    assert upper_bound(5, 5) == 1.0
    assert fewest_reviews(0.05) == 59


def test_it_takes_the_lowest_tau_that_keeps_the_target() -> None:
    choice = tau_for(reviewed((0.9, 300, 0), (0.6, 200, 3), (0.3, 50, 40)), 0.05)
    assert choice.tau == pytest.approx(0.31)
    assert choice.judged is not None
    assert (choice.judged.reviews, choice.judged.wrong) == (503, 3)
    assert choice.upper_bound is not None
    assert choice.upper_bound <= 0.05


def test_it_says_how_many_reviews_are_missing() -> None:
    choice = tau_for(reviewed((0.9, 30, 0)), 0.05)
    assert choice.tau is None
    assert choice.more_reviews == fewest_reviews(0.05, RISK / len(STARTS)) - 30


def test_without_reviews_it_asks_for_as_many_as_can_prove_anything() -> None:
    assert tau_for(traffic(day=[1], confidence=[0.9]), 0.05).more_reviews == fewest_reviews(0.05, RISK / len(STARTS))


def test_that_many_right_answers_more_are_enough() -> None:
    lacking = tau_for(reviewed((0.9, 49, 1)), 0.05).more_reviews
    assert lacking is not None
    assert tau_for(reviewed((0.9, 49 + lacking, 1)), 0.05).tau is not None


def test_good_answers_behind_a_few_bad_ones_are_reached_by_a_later_start() -> None:
    """The surest answers happen to be wrong; with many more below them the target holds all the same."""
    assert tau_for(reviewed((0.95, 60, 6), (0.7, 700, 6)), 0.05).tau is not None


def test_where_no_walk_arrived_it_never_says_that_nothing_is_missing() -> None:
    choice = tau_for(reviewed((0.95, 85, 3), (0.7, 130, 0)), 0.05)
    assert choice.tau is None
    assert choice.more_reviews
    assert choice.more_reviews > 0


def test_where_more_are_wrong_at_every_tau_no_number_of_reviews_is_named() -> None:
    choice = tau_for(reviewed((0.9, 80, 20), (0.5, 10, 20)), 0.05)
    assert choice.tau is None
    assert choice.more_reviews is None


def test_the_promise_is_broken_at_most_one_time_in_twenty() -> None:
    draw = np.random.default_rng(11)
    broken = found = 0
    for _repeat in range(300):
        confidence = draw.beta(3, 2, 600)
        chance = 0.3 * (1 - confidence) ** 1.5  # of being wrong, so that low tau cannot keep 5 %
        verdicts = (draw.random(600) > chance).astype(float)
        choice = tau_for(traffic(day=[1] * 600, confidence=confidence.tolist(), right=verdicts.tolist()), 0.05)
        if choice.tau is not None:
            found += 1
            above = draw.beta(3, 2, 20_000)
            above = above[above >= choice.tau]
            broken += float((0.3 * (1 - above) ** 1.5).mean()) > 0.05
    assert found > 100
    assert broken <= 0.05 * found + 2 * np.sqrt(0.05 * 0.95 * found)


def test_nothing_is_promised_of_a_tau_under_which_no_answer_was_given() -> None:
    given = traffic(day=[1] * 300, confidence=[0.9] * 150 + [0.6] * 150, right=[1.0] * 300, tau=[0.55] * 300)
    assert tau_for(given, 0.05).tau == pytest.approx(0.55)


def test_answers_given_under_a_higher_tau_do_not_speak_for_a_lower_one() -> None:
    """150 good ones at .9 under tau .8, and ten under tau .5, which are too few."""
    given = traffic(day=[1] * 160, confidence=[0.9] * 150 + [0.6] * 10, right=[1.0] * 160, tau=[0.8] * 150 + [0.5] * 10)
    assert tau_for(given, 0.05).tau == pytest.approx(0.8)
