"""What an adapter earned: an estimate with its interval, in answers and in R$."""

from __future__ import annotations

from dataclasses import astuple
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.utils import timezone

from aion.earnings import Estimate, earned, earned_by, earned_in_words, gained, gained_in
from chat import control
from inference.models import Adapter, DesiredState
from telemetry.models import Reservation
from tests.telemetry.answers import TENANT, record_answer

NOW = timezone.now()
BETTER = {"candidate": [True] * 80 + [False] * 20, "champion": [True] * 60 + [False] * 30 + [True] * 10}


def test_it_is_what_only_the_candidate_answered_less_what_only_the_champion_did() -> None:
    found = gained_in({"answered": BETTER})
    assert found is not None
    assert found.value == pytest.approx(0.1)
    assert found.low == pytest.approx(-0.008, abs=0.01)
    assert found.high == pytest.approx(0.204, abs=0.01)


def test_its_interval_holds_the_truth_19_times_of_20() -> None:
    draw = np.random.default_rng(0)
    held = 0
    for _time in range(1000):
        kinds = draw.choice(4, p=(0.5, 0.12, 0.05, 0.33), size=80)
        found = gained((kinds < 2).tolist(), ((kinds == 0) | (kinds == 2)).tolist())
        assert found is not None
        held += found.low <= 0.07 <= found.high
    assert 0.935 <= held / 1000 <= 0.975


def test_without_questions_or_a_rival_nothing_is_known() -> None:
    assert gained([], []) is None
    assert gained_in({}) is None
    with pytest.raises(ValueError, match="shorter"):
        gained([True], [])


def test_answers_are_counted_in_reais_only_where_paid_ones_would_have_been() -> None:
    share = Estimate(0.05, 0.1, 0.15)
    assert earned(share, asked=200, usd_an_answer=None).usd is None
    paid = earned(share, asked=200, usd_an_answer=Decimal("0.01"))
    assert paid.usd is not None
    assert astuple(paid.answers) == pytest.approx((10, 20, 30))
    assert astuple(paid.usd) == pytest.approx((0.1, 0.2, 0.3))


@pytest.mark.django_db
def test_it_counts_the_questions_of_the_time_in_which_it_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aion.earnings._examined", lambda adapter_id: Estimate(0.05, 0.1, 0.15))
    adapters = [
        Adapter.objects.create(name=name, digest=name * 64, base_model="m", rank=8, size_bytes=1) for name in "ab"
    ]
    for days_ago, adapter in ((30, adapters[0]), (20, adapters[1]), (10, adapters[0])):
        made = DesiredState.objects.create(adapter=adapter, outcome="served")
        DesiredState.objects.filter(pk=made.pk).update(created_at=NOW - timedelta(days=days_ago))
    for days_ago, count in ((25, 30), (15, 500), (5, 20)):
        for number in range(count):
            record_answer("a", "r", at=NOW - timedelta(days=days_ago), number=number)
    found = earned_by(adapters[0].pk, NOW)
    assert found is not None
    assert (found.asked, found.usd) == (50, None)
    assert earned_in_words(found) == (
        "Estimativa: 5 perguntas respondidas a mais que com o anterior (de 2 a 8), de 50 feitas."
    )


@pytest.mark.django_db
def test_the_price_is_the_mean_of_what_paid_answers_cost() -> None:
    for cost in ("0.01", "0.03"):
        Reservation.objects.create(
            tenant=TENANT,
            amount_usd=1,
            cost_usd=Decimal(cost),
            state="settled",
            tag="rag-answer",
            created_at=NOW,
            expires_at=NOW,
            closed_at=NOW,
        )
    from aion.earnings import _usd_an_answer

    with control.instead(fallback_allowed=True):
        assert _usd_an_answer(NOW) == Decimal("0.02")
    with control.instead(fallback_allowed=False):
        assert _usd_an_answer(NOW) is None
