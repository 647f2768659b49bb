"""What a night finds: shares of seven days, the quality of retrieval, and whether people ask otherwise."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from aion.loop.decision import Measured
from aion.loop.drift import drift
from aion.loop.facts import LoopState, gather_facts
from aion.loop.learning import Learned
from telemetry.events import EventKind, record
from tests.telemetry.answers import TENANT, record_answer

NOW = timezone.now()
STATE = LoopState(
    learned=Learned(12, True, False, False, False),
    unfinished=False,
    paused=False,
    min_new_rows=30,
    ndcg_golden=Measured(0.9, 60),
    ndcg_judged=Measured(None, 0),
)


def ask(count: int, *, days_ago: int, source: str = "local", spread: float = 0.0) -> None:
    for number in range(count):
        at = NOW - timedelta(days=days_ago, minutes=number)
        features = {"question_terms": number / count + spread}
        retrieval = record(EventKind.RETRIEVAL, value=1, meta={"query": "a", "features": features}, tenant=TENANT)
        record_answer("a", "r", at=at, number=number, source=source, retrievalId=str(retrieval))


@pytest.mark.django_db
def test_it_counts_the_last_seven_days() -> None:
    ask(6, days_ago=1)
    ask(3, days_ago=2, source="fallback")
    ask(1, days_ago=3, source="abstain")
    ask(50, days_ago=9, source="fallback")
    facts, policy = gather_facts(NOW, state_of=lambda now: STATE)
    assert (facts.asked, facts.fallback_share, facts.abstained_share) == (10, 0.3, 0.1)
    assert (facts.new_rows, facts.trained_before, facts.drift) == (12, True, None)
    assert facts.free_bytes > 0
    assert (policy.tau_fallback, policy.tau_ndcg, policy.min_new_rows) == (0.18, 0.82, 30)


@pytest.mark.django_db
def test_it_notices_that_people_ask_otherwise() -> None:
    ask(120, days_ago=20)
    ask(120, days_ago=2, spread=0.5)
    found = gather_facts(NOW, state_of=lambda now: STATE)[0].drift
    assert found is not None
    assert (found.signal, found.before, found.after, found.is_large) == ("question_terms", 120, 120, True)
    assert found.distance == pytest.approx(0.5, abs=0.02)


def samples(shift: float, count: int, seed: int) -> dict[str, list[float]]:
    draw = np.random.default_rng(seed)
    return {name: (draw.normal(size=count) + shift * (name == "a")).tolist() for name in "abcdefgh"}


def test_chance_is_hardly_ever_called_drift() -> None:
    found = [drift(samples(0, 150, seed), samples(0, 150, 1000 + seed)) for seed in range(200)]
    assert sum(one is not None and one.is_large for one in found) <= 2


def test_it_names_the_signal_that_moved() -> None:
    found = drift(samples(0, 300, 1), samples(1.0, 300, 2))
    assert found is not None
    assert (found.signal, found.is_large) == ("a", True)


def test_a_certain_but_small_change_is_not_large() -> None:
    found = drift(samples(0, 20_000, 1), samples(0.2, 20_000, 2))
    assert found is not None
    assert found.is_large is False


@pytest.mark.parametrize("count", [0, 99])
def test_too_few_questions_say_nothing(count: int) -> None:
    assert drift(samples(0, count, 1), samples(3, 500, 2)) is None
