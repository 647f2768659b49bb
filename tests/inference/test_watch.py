"""The watch finds what got worse and does not cry wolf."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from inference.watch import SIGNALS, Finding, Level, Outcomes, chance_of_more, judge


def outcomes(bad: int, count: int) -> list[bool]:
    """Spread evenly."""
    return [(place + 1) * bad // count > place * bad // count for place in range(count)]


def one(before: Sequence[bool], since: Sequence[bool]) -> Finding | None:
    return judge([Outcomes("errors", before, since)])


@pytest.mark.parametrize(
    ("bad", "count", "bad_before", "count_before"),
    [(3, 20, 5, 500), (0, 20, 0, 60), (19, 20, 2, 50), (90, 800, 100, 2000)],
)
def test_its_chance_is_fishers(bad: int, count: int, bad_before: int, count_before: int) -> None:
    from scipy.stats import fisher_exact

    table = [[bad, count - bad], [bad_before, count_before - bad_before]]
    assert chance_of_more(bad, count, bad_before, count_before) == pytest.approx(
        fisher_exact(table, alternative="greater").pvalue, rel=1e-9
    )


def promotions(share: float, since: float, times: int, seed: int) -> list[Finding | None]:
    """Simulated promotions whose three signals have `share` bad outcomes before and `since` afterwards."""
    draw = np.random.default_rng(seed)
    return [
        judge(
            Outcomes(name, (draw.random(1000) < share).tolist(), (draw.random(800) < since).tolist())
            for name in SIGNALS
        )
        for _time in range(times)
    ]


@pytest.mark.parametrize("share", [0.01, 0.05, 0.2, 0.5])
def test_where_nothing_changed_it_alarms_in_at_most_one_promotion_of_twenty_and_goes_back_in_none(share: float) -> None:
    found = [finding for finding in promotions(share, share, times=400, seed=round(1000 * share)) if finding]
    assert len(found) <= 0.05 * 400
    assert [finding for finding in found if finding.level is Level.BREACH] == []


@pytest.mark.parametrize(("share", "since"), [(0.02, 0.15), (0.1, 0.25), (0.3, 0.5)])
def test_a_clear_breach_is_found(share: float, since: float) -> None:
    found = promotions(share, since, times=50, seed=1)
    assert all(finding is not None and finding.level is Level.BREACH for finding in found)


def test_the_worst_breach_is_seen_after_twenty_questions() -> None:
    finding = one(outcomes(5, 500), outcomes(10, 20))
    assert finding is not None
    assert (finding.level, finding.count, finding.since) == (Level.BREACH, 20, 0.5)


def test_a_small_difference_is_doubtful_however_certain() -> None:
    finding = one(outcomes(0, 2000), outcomes(32, 800))
    assert finding is not None
    assert finding.level is Level.DOUBTFUL


@pytest.mark.parametrize(
    ("before", "since"),
    [
        (outcomes(0, 49), outcomes(40, 40)),
        (outcomes(0, 500), outcomes(19, 19)),
        (outcomes(250, 500), outcomes(0, 800)),
        ([], []),
    ],
)
def test_too_little_to_compare_or_better_is_nothing(before: list[bool], since: list[bool]) -> None:
    assert one(before, since) is None


def test_what_comes_between_two_looks_does_not_count_yet() -> None:
    calm, storm = outcomes(0, 100), [True] * 99
    assert one(outcomes(5, 500), calm + storm) is None
    assert one(outcomes(5, 500), [*calm, *storm, True]) is not None
