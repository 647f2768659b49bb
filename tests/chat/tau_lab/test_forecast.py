"""Next week's share of local answers, and how sure that is."""

from __future__ import annotations

import numpy as np
import pytest

from chat.tau_lab.forecast import WEEK, Share, forecast
from tests.chat.tau_lab.traffic import steady, traffic

TAU = np.array([0.5])


def test_steady_traffic_goes_on_as_it_was() -> None:
    share = forecast(steady(56, 100, share_above=0.7), TAU, last_day=56)[0]
    assert share.value == pytest.approx(0.7, abs=0.03)
    assert share.holds(0.7)
    assert share.width < 0.11


def test_it_promises_the_week_nineteen_times_of_twenty() -> None:
    inside = 0
    for seed in range(100):
        whole = steady(42, 60, share_above=0.6, seed=seed)
        coming = whole.where(whole.day > 35)
        inside += forecast(whole, TAU, last_day=35)[0].holds(float(coming.local_at(0.5).mean()))
    assert 90 <= inside <= 100


def test_what_comes_after_the_last_day_is_not_known() -> None:
    before = steady(28, 50, share_above=0.7)
    jumped = traffic(day=[*before.day.tolist(), *[29] * 500], confidence=[*before.confidence.tolist(), *[0.1] * 500])
    assert forecast(jumped, TAU, last_day=28) == forecast(before, TAU, last_day=28)


def test_traffic_that_drifted_gets_a_wider_interval_than_steady_traffic() -> None:
    draw = np.random.default_rng(3)
    day, confidence = [], []
    level = 0.5
    for number in range(1, 57):
        level = float(np.clip(level + draw.normal(0, 0.08), 0.1, 0.9))
        day += [number] * 100
        confidence += np.where(draw.random(100) < level, 0.9, 0.1).tolist()
    drifted = forecast(traffic(day=day, confidence=confidence), TAU, last_day=56)[0]
    assert drifted.width > 1.5 * forecast(steady(56, 100, share_above=0.5), TAU, last_day=56)[0].width


def test_a_recent_change_weighs_more_than_the_weeks_before() -> None:
    early, late = steady(42, 80, share_above=0.8), steady(14, 80, share_above=0.3, seed=1)
    whole = traffic(
        day=[*early.day.tolist(), *(late.day + 42).tolist()],
        confidence=[*early.confidence.tolist(), *late.confidence.tolist()],
    )
    assert forecast(whole, TAU, last_day=56)[0].value < 0.45


def test_few_questions_leave_a_wide_interval_and_none_leave_everything_open() -> None:
    few = forecast(steady(5, 3, share_above=0.7), TAU, last_day=5)[0]
    assert few.width > 0.5
    assert forecast(steady(5, 3, share_above=0.7), TAU, last_day=0) == [Share(0.5, 0.0, 1.0)]


def test_a_share_that_was_always_all_is_not_promised_for_ever() -> None:
    share = forecast(steady(28, 20, share_above=1.0), TAU, last_day=28)[0]
    assert share.value == 1.0
    assert 0.9 < share.low < 1.0


def test_an_attempt_that_fails_is_not_answered_here() -> None:
    days = [1 + number // 10 for number in range(140)]
    half = traffic(day=days, confidence=[0.9] * 140, fails=[0.5] * 140)
    assert forecast(half, TAU, last_day=14)[0].value == pytest.approx(0.5)


def test_forced_and_unfound_questions_are_never_answered_here() -> None:
    four = traffic(
        day=[1] * 4, confidence=[0.9] * 4, forced=[True, False, False, False], found=[True, False, True, True]
    )
    assert four.local_at(0.0).tolist() == [0, 0, 1, 1]


def test_the_rest_mirrors_the_interval() -> None:
    rest = Share(0.7, 0.6, 0.75).rest
    assert (rest.value, rest.low, rest.high) == pytest.approx((0.3, 0.25, 0.4))
    assert WEEK == 7


def test_a_groups_own_tau_does_not_move_with_everybodys() -> None:
    two = traffic(day=[1, 1], confidence=[0.5, 0.5], own_tau=[0.8, float("nan")])
    assert two.local_at(0.3).tolist() == [0, 1]


def test_a_pause_leaves_the_forecast_where_it_was() -> None:
    before = steady(14, 30, share_above=0.7)
    assert forecast(before, TAU, last_day=74)[0].value == pytest.approx(
        forecast(before, TAU, last_day=14)[0].value, abs=0.02
    )
