"""When the benchmark of trainings interrupts one."""

import random

import pytest


@pytest.mark.parametrize("steps", [4, 8, 48, 400])
def test_each_third_of_a_training_is_interrupted_once_and_never_its_very_end(steps):
    from benchmarks.training import moments

    for seed in range(50):
        drawn = [moment.step for moment in moments(random.Random(seed), steps, 3)]
        assert drawn == sorted(set(drawn))
        assert drawn[0] >= 1
        assert drawn[-1] <= 0.85 * steps


def test_the_moments_are_the_same_when_it_is_run_again():
    from benchmarks.training import moments

    assert moments(random.Random(7), 48, 3) == moments(random.Random(7), 48, 3)
    assert moments(random.Random(7), 48, 3) != moments(random.Random(8), 48, 3)
