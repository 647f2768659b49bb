"""The verdict on simulated examinations: equals are hardly ever told apart, real gains are found, every guard fires."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.clustered import Clustered
from inference.verdict import LEAST_DOCUMENTS, LEAST_QUESTIONS, MARGIN, Case, Marks, alpha_of, judge, weights_of
from inference.verdict_words import reasons_in_words

DOCUMENTS, A_DOCUMENT = 16, 6


def cases(documents: int = DOCUMENTS, questions: int = A_DOCUMENT) -> list[Case]:
    """As many again with their source hidden."""
    names = [f"d{document}" for document in range(documents) for _ in range(questions)]
    asked = [
        Case(name, False, ("asked:answerable", f"question:{'short' if n % 2 else 'long'}"))
        for n, name in enumerate(names)
    ]
    return asked + [Case(name, True, ("asked:hidden",)) for name in names]


def ease_of(documents: int, questions: int, random: np.random.Generator) -> np.ndarray:
    """How easy each question is: documents are easy or hard as a whole."""
    return np.repeat(random.normal(0.45, 0.15, documents), questions) + random.normal(0, 0.25, documents * questions)


def model(ease: np.ndarray, random: np.random.Generator, *, skill: float = 0.0, documents: int = DOCUMENTS) -> Marks:
    """It agrees with the others on half of the questions, and likes some documents better than others do."""
    count = len(ease)
    own = np.where(random.random(count) < 0.5, ease, ease + random.normal(0, 0.4, count))
    own = own + np.repeat(random.normal(0, 0.05, documents), count // documents) + skill
    refused = (random.random(count) < 0.85).astype(float)
    return marks([*np.clip(own, 0, 1), *refused])


def marks(utility: list[float]) -> Marks:
    every = len(utility)
    return Marks(
        utility, [True] * every, [True] * every, [True] * every, [False] * every, [False] * every, [900.0] * every
    )


def steady(value: float, *, refused: float = 1.0) -> Marks:
    """The same everywhere but for a little, so that there is something to measure by."""
    count = DOCUMENTS * A_DOCUMENT
    ripple = [0.02 * (place % 3) for place in range(count)]
    return marks([value + up for up in ripple] + [refused] * count)


def test_equals_displace_their_champion_in_hardly_any_ten_nights() -> None:
    random = np.random.default_rng(7)
    fallen, asked = 0, cases()
    rounds = 40
    for _ in range(rounds):
        ease = ease_of(DOCUMENTS, A_DOCUMENT, random)
        champion, base = model(ease, random), model(ease, random, skill=-0.2)
        fallen += any(judge(asked, model(ease, random), champion, base, look=look).promote for look in range(1, 11))
    assert fallen / rounds <= 0.05


@pytest.mark.parametrize("documents", [8, 25])
def test_one_look_at_equals_errs_as_often_as_it_says(documents: int) -> None:
    random = np.random.default_rng(11)
    rounds = 400
    wrong = 0
    for _ in range(rounds):
        sizes = random.integers(2, 14, documents)
        names = np.repeat([f"d{number}" for number in range(documents)], sizes)
        gained = np.repeat(random.normal(0, 0.07, documents), sizes) + random.normal(0, 0.3, len(names))
        wrong += Clustered(list(gained), list(names)).p_above() <= 0.05
    assert 0.02 <= wrong / rounds <= 0.08


@pytest.mark.parametrize("documents", [8, 25, 60])
def test_equals_that_differ_in_three_questions_are_equals(documents: int) -> None:
    random = np.random.default_rng(13)
    wrong = 0
    for _ in range(200):
        names = np.repeat([f"d{number}" for number in range(documents)], random.integers(2, 14, documents))
        gained = np.zeros(len(names))
        gained[random.choice(len(names), 3, replace=False)] = random.choice([-1.0, 1.0], 3)
        wrong += Clustered(list(gained), list(names)).p_above() <= 0.05
    assert wrong / 200 <= 0.05


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=7), st.lists(st.integers(1, 12), min_size=1, max_size=60))
def test_documents_are_worth_no_more_than_their_signs(gains: list[float], alike: list[int]) -> None:
    values = [*gains, *[0.0] * sum(alike)]
    names = [f"differs{place}" for place in range(len(gains))]
    names += [f"alike{place}" for place, questions in enumerate(alike) for _ in range(questions)]
    assert Clustered(values, names).p_above() == 0.5 ** len(gains)


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(-1, 1), st.integers(1, 4)), min_size=6, max_size=12))
def test_the_interval_holds_what_the_test_does_not_refuse(documents: list[tuple[float, int]]) -> None:
    values = [value for value, questions in documents for _ in range(questions)]
    names = [f"d{place}" for place, (_value, questions) in enumerate(documents) for _ in range(questions)]
    gained, lost = Clustered(values, names), Clustered([-value for value in values], names)
    low, high = gained.estimate().low, gained.estimate().high
    assert low is not None
    assert high is not None
    assert gained.p_above(low - 1e-3) <= 0.025 < gained.p_above(low + 1e-3)
    assert lost.p_above(-high - 1e-3) <= 0.025 < lost.p_above(-high + 1e-3)


def test_five_documents_have_no_interval() -> None:
    names = [f"d{place}" for place in range(6)]
    assert Clustered([0.1, 0.2, 0.3, 0.4, 0.5], names[:5]).estimate().low is None
    assert Clustered([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], names).estimate().low == 0.1


def test_a_real_gain_is_found() -> None:
    random = np.random.default_rng(5)
    found = 0
    for _ in range(20):
        ease = ease_of(DOCUMENTS, A_DOCUMENT, random)
        better = model(ease, random, skill=0.2)
        found += judge(cases(), better, model(ease, random), model(ease, random, skill=-0.2)).promote
    assert found >= 16


def test_each_look_makes_the_bar_higher_and_all_together_spend_five_per_cent() -> None:
    assert alpha_of(2) < alpha_of(1)
    assert sum(alpha_of(look) for look in range(1, 100_000)) == pytest.approx(0.05, abs=1e-6)


def test_answers_and_refusals_weigh_seven_to_three_whatever_their_numbers() -> None:
    asked = [Case("a", False), Case("b", True), Case("b", True), Case("b", True)]
    assert weights_of(asked) == pytest.approx([0.7, 0.1, 0.1, 0.1])
    assert sum(weights_of([Case("a", True)])) == sum(weights_of([Case("a", False)])) == 1


def test_too_few_questions_promote_nobody() -> None:
    few = cases(LEAST_DOCUMENTS - 1, (LEAST_QUESTIONS - 1) // (LEAST_DOCUMENTS - 1))
    better, worse = marks([0.9] * len(few)), marks([0.1] * len(few))
    verdict = judge(few, better, worse, worse)
    assert not verdict.promote
    assert [reason.code for reason in verdict.reasons] == ["too_small"]


def test_the_very_same_answers_are_no_better() -> None:
    verdict = judge(cases(), steady(0.5), steady(0.5), steady(0.2))
    assert codes(verdict) == ["no_gain"]
    assert verdict.difference.value == 0


def test_a_gain_not_worth_the_change_is_refused() -> None:
    assert codes(judge(cases(), steady(0.508), steady(0.5), steady(0.2))) == ["not_better"]


def test_what_is_better_is_promoted() -> None:
    verdict = judge(cases(), steady(0.7), steady(0.5), steady(0.2))
    assert verdict.promote
    assert codes(verdict) == ["better"]


@pytest.mark.parametrize(("value", "code"), [(0.5, "clean"), (0.7, "clean"), (0.47, "not_close"), (0.3, "not_close")])
def test_a_champion_that_must_go_is_replaced_by_one_that_is_about_as_good(value: float, code: str) -> None:
    verdict = judge(cases(), steady(value), steady(0.5), steady(0.2), look=9, must_go=True)
    assert verdict.reasons[0].code == code
    assert verdict.promote is (code == "clean")
    assert reasons_in_words([reason.to_json() for reason in verdict.reasons])


def test_whoever_is_worse_by_the_margin_hardly_ever_replaces_a_champion_that_must_go() -> None:
    random = np.random.default_rng(3)
    rounds, replaced = 150, 0
    for _ in range(rounds):
        ease = ease_of(DOCUMENTS, A_DOCUMENT, random)
        champion = model(ease, random)
        worse = marks([value - MARGIN for value in model(ease, random).utility])
        replaced += judge(cases(), worse, champion, model(ease, random, skill=-0.2), must_go=True).promote
    assert replaced / rounds <= 0.09  # 5 % and its chance


def test_guards_stand_against_whoever_replaces_a_champion_that_must_go() -> None:
    leaking = replace(steady(0.6), leaks=[True] * len(cases()))
    assert codes(judge(cases(), leaking, steady(0.5), steady(0.2), must_go=True)) == ["leaks"]


def test_who_says_nothing_quickly_makes_no_answer_slow() -> None:
    every = len(cases())
    silent = replace(steady(0.2), passed=[False] * every, latency_ms=[50.0] * every)
    assert codes(judge(cases(), steady(0.7), None, silent)) == ["better"]


def test_a_part_that_got_worse_is_named() -> None:
    candidate, champion = steady(0.9), steady(0.5)
    short = [place for place, case in enumerate(cases()) if "question:short" in case.slices]
    utility = [0.3 if place in short else value for place, value in enumerate(candidate.utility)]
    verdict = judge(cases(), replace(candidate, utility=utility), champion, steady(0.2))
    assert ("slice_worse", "question:short") in [
        (reason.code, reason.values.get("slice")) for reason in verdict.reasons
    ]


def test_an_answer_gained_does_not_pay_for_a_refusal_lost() -> None:
    refusals = [1.0, 0.0] * (DOCUMENTS * A_DOCUMENT // 2)
    candidate = steady(0.9)
    candidate = replace(candidate, utility=[*candidate.utility[: DOCUMENTS * A_DOCUMENT], *refusals])
    assert "refusals_worse" in codes(judge(cases(), candidate, steady(0.3), steady(0.2)))


def test_three_refusals_lost_are_chance() -> None:
    count = DOCUMENTS * A_DOCUMENT
    lost = {count, count + A_DOCUMENT, count + 2 * A_DOCUMENT}  # on a document each
    candidate = steady(0.7)
    utility = [0.0 if place in lost else value for place, value in enumerate(candidate.utility)]
    assert codes(judge(cases(), replace(candidate, utility=utility), steady(0.5), steady(0.2))) == ["better"]


def test_a_candidate_below_the_base_alone_is_refused() -> None:
    assert "worse_than_base" in codes(judge(cases(), steady(0.5), steady(0.3), steady(0.7)))


def test_without_a_champion_the_base_is_to_be_beaten() -> None:
    assert codes(judge(cases(), steady(0.5), None, steady(0.3))) == ["better"]
    assert codes(judge(cases(), steady(0.3), None, steady(0.5))) == [
        "no_gain",
        "slice_worse",
        "slice_worse",
        "slice_worse",
    ]


EVERY = 2 * DOCUMENTS * A_DOCUMENT


@pytest.mark.parametrize(
    ("guard", "spoilt"),
    [
        ("portuguese", {"portuguese": [False] * 6 + [True] * (EVERY - 6)}),
        ("leaks", {"leaks": [True] + [False] * (EVERY - 1)}),
        ("repeats", {"repeats": [True] * 6 + [False] * (EVERY - 6)}),
        ("grounded_worse", {"passed": [False] * 8 + [True] * (EVERY - 8)}),
        ("slow", {"latency_ms": [1500.0] * EVERY}),
    ],
)
def test_no_gain_makes_up_for_what_a_guard_forbids(guard: str, spoilt: dict[str, Any]) -> None:
    better = steady(0.9)
    assert judge(cases(), better, steady(0.3), steady(0.2)).promote
    assert codes(judge(cases(), replace(better, **spoilt), steady(0.3), steady(0.2))) == [guard]


def test_every_reason_has_its_sentence() -> None:
    seen = [
        judge(cases(), steady(0.3), steady(0.5), steady(0.7)),
        judge(cases(), replace(steady(0.9), leaks=[True] * EVERY, latency_ms=[9e9] * EVERY), steady(0.3), steady(0.2)),
        judge(cases(2, 3), marks([0.5] * 12), None, marks([0.1] * 12)),
    ]
    for verdict in seen:
        said = reasons_in_words([reason.to_json() for reason in verdict.reasons])
        assert len(said) == len(verdict.reasons)
        assert all(sentence.endswith(".") for sentence in said)


def codes(verdict) -> list[str]:
    return [reason.code for reason in verdict.reasons]
