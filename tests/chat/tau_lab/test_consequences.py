"""What a tau would mean: errors and money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chat.tau_lab.consequences import Basis, asked_a_month, consequences, errors_at
from tests.chat.tau_lab.traffic import steady, traffic


def test_reviews_of_each_stratum_are_weighed_by_its_answers_not_by_what_people_like_to_review() -> None:
    """Half of the answers lie at .95 and are right, half at .65 and mostly wrong; the good ones are reviewed more."""
    confidence = [0.95] * 500 + [0.65] * 500
    right = [1.0] * 400 + [float("nan")] * 100 + [0.0] * 30 + [1.0] * 10 + [float("nan")] * 460
    errors = errors_at(traffic(day=[1] * 1000, confidence=confidence, right=right), 0.5)
    assert errors is not None
    assert errors.basis is Basis.REVIEWS
    assert errors.share.value == pytest.approx(0.37, abs=0.03)  # 30 of 440 reviewed would be .07
    assert errors.share.holds(0.375)


def test_without_reviews_the_confidence_promises_and_says_so() -> None:
    errors = errors_at(traffic(day=[1] * 100, confidence=[0.8] * 100), 0.5)
    assert errors is not None
    assert (errors.basis, errors.reviews) == (Basis.PROMISE, 0)
    assert errors.share.value == pytest.approx(0.2)
    assert errors.share.width > 0.2


def test_below_what_was_reviewed_the_errors_rise_as_the_confidence_promises() -> None:
    confidence = [0.95] * 200 + [0.2] * 200
    given = traffic(day=[1] * 400, confidence=confidence, right=[1.0] * 200 + [float("nan")] * 200)
    high, low = errors_at(given, 0.9), errors_at(given, 0.1)
    assert high is not None
    assert low is not None
    assert high.share.value < 0.01
    assert low.share.value == pytest.approx(0.4, abs=0.02)
    assert low.basis is Basis.PROMISE


def test_nothing_answered_has_no_errors() -> None:
    assert errors_at(traffic(day=[1], confidence=[0.2]), 0.9) is None


def test_what_is_not_answered_here_costs_money_where_it_may() -> None:
    past = steady(30, 10, share_above=0.6)
    paid, free = (
        consequences(past, [0.5], today=31, fallback_allowed=allowed, usd_a_call=Decimal("0.01"))[0]
        for allowed in (True, False)
    )
    assert asked_a_month(past, 31) == 300
    assert paid.usd_a_month == pytest.approx(Decimal("1.2"), abs=Decimal("0.25"))
    assert paid.fallback.value + paid.local.value == pytest.approx(1)
    assert paid.abstained.value == 0
    assert free.usd_a_month == 0
    assert free.fallback.value == 0
    assert free.abstained.value == pytest.approx(1 - free.local.value)
