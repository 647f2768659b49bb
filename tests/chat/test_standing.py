"""When a set of golden questions is failing, and what two runs differ by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from chat.evaluation.chance import p_of_gain
from chat.evaluation.comparison import differences, flipped, paired
from chat.evaluation.standing import Result, standing
from chat.models import EvaluationAnswer


def results(right: int, wrong: int) -> list[Result]:
    return [Result(f"q{index}", f"d{index}", index < right) for index in range(right + wrong)]


def run(right: int, wrong: int) -> Mapping[str, bool]:
    return {one.key: one.right for one in results(right, wrong)}


def test_the_first_run_of_a_set_alarms_only_below_its_floor() -> None:
    assert standing("", results(2, 8), [], None).alarm == ""
    assert standing("", results(2, 8), [], 0.2).alarm == ""
    assert standing("", results(2, 8), [], 0.21).alarm == "floor"


def test_significantly_worse_than_the_median_of_the_last_runs_alarms() -> None:
    found = standing("", results(20, 20), [run(36, 4), run(37, 3), run(35, 5)], None)
    assert (found.alarm, found.usual, found.paired) == ("worse", 0.9, 40)


@pytest.mark.parametrize("right", [34, 36, 40])
def test_a_question_or_two_are_chance(right: int) -> None:
    assert standing("", results(right, 40 - right), [run(36, 4)] * 3, None).alarm == ""


def test_four_questions_of_sixty_are_chance_though_they_all_got_worse() -> None:
    assert standing("", results(32, 28), [run(36, 24)], None).alarm == ""
    assert standing("", results(28, 32), [run(36, 24)], None).alarm == "worse"


def test_a_sign_is_drawn_for_each_document_not_for_each_question() -> None:
    assert p_of_gain([1.0] * 7, [f"d{index}" for index in range(7)]) == 1 / 128
    assert p_of_gain([1.0] * 7, ["a", "a", "a", "a", "b", "b", "b"]) == 1 / 4
    assert p_of_gain([0.0] * 7, ["a"] * 7) == p_of_gain([], []) == 1.0


def test_where_nothing_got_better_p_is_as_small_as_it_says_as_often_as_it_says() -> None:
    random = np.random.default_rng(7)
    places = [f"d{index // 3}" for index in range(60)]
    found = [p_of_gain(list(random.integers(-1, 2, 60) * 0.5), places) for _turn in range(400)]
    assert np.mean(np.array(found) < 0.05) <= 0.08
    assert np.mean(np.array(found) < 0.5) >= 0.4


def test_one_bad_run_among_good_ones_changes_nothing() -> None:
    assert standing("", results(20, 20), [run(10, 30), run(37, 3), run(36, 4)], None).alarm == "worse"
    assert standing("", results(20, 20), [run(10, 30), run(9, 31), run(36, 4)], None).alarm == ""


def test_questions_that_are_new_are_compared_with_nothing() -> None:
    found = standing("", results(0, 40), [{"other": True}], None)
    assert (found.alarm, found.usual, found.paired) == ("", None, 0)


def test_of_one_document_alone_nobody_can_say_that_it_is_worse() -> None:
    same = [Result(one.key, "d", one.right) for one in results(0, 40)]
    assert standing("", same, [run(40, 0)], None).alarm == ""


def answers(**right: bool | None) -> list[EvaluationAnswer]:
    return [
        EvaluationAnswer(key=key, place=key, right=value, f1=None if value is None else float(value))
        for key, value in right.items()
    ]


def test_only_what_both_runs_were_asked_alike_is_compared() -> None:
    pairs = paired(answers(a=True, b=True, gone=True), answers(new=True, a=False, b=True))
    assert [after.key for _before, after in pairs] == ["a", "b"]
    right = next(one for one in differences(pairs) if one.measure == "right")
    assert (right.n, right.before, right.after, right.gained) == (2, 1.0, 0.5, -0.5)
    assert right.interval == [-1.0, 0.0]
    assert not right.is_clear


def test_the_questions_that_flipped_are_told_by_which_way() -> None:
    lost, won = flipped(paired(answers(a=True, b=False, c=None, d=True), answers(a=False, b=True, c=True, d=True)))
    assert [after.key for _before, after in lost] == ["a"]
    assert [after.key for _before, after in won] == ["b"]


def test_a_difference_that_every_document_shares_is_clear() -> None:
    keys = [f"q{index}" for index in range(12)]
    pairs = paired(answers(**dict.fromkeys(keys, False)), answers(**dict.fromkeys(keys, True)))
    assert all(one.is_clear for one in differences(pairs))
