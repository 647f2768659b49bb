from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from retrieval import bm25, mmr

COUNTS = st.integers(1, 30)


@st.composite
def candidates(draw: st.DrawFn) -> tuple[mmr.Floats, mmr.Floats]:
    n = draw(COUNTS)
    relevance = np.round(draw(arrays.arrays(np.float64, n, elements=st.floats(-5, 5, width=32))), 3)
    vectors = np.random.default_rng(draw(st.integers(0, 2**31))).normal(size=(n, 8))
    return relevance, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@given(candidates(), st.integers(1, 12), st.floats(0, 1))
def test_the_selection_has_no_doubles_and_starts_with_the_most_relevant(
    given_: tuple[mmr.Floats, mmr.Floats], count: int, trade_off: float
) -> None:
    relevance, vectors = given_
    chosen = mmr.select(relevance, vectors, count=count, trade_off=trade_off)
    assert len(chosen) == len(set(chosen)) == min(count, len(relevance))
    assert relevance[chosen[0]] == relevance.max()


@given(candidates())
def test_relevance_alone_keeps_the_order_of_relevance(given_: tuple[mmr.Floats, mmr.Floats]) -> None:
    relevance, vectors = given_
    chosen = mmr.select(relevance, vectors, count=len(relevance), trade_off=1.0)
    assert list(relevance[chosen]) == sorted(relevance, reverse=True)


@given(candidates(), st.floats(0.1, 10), st.floats(-5, 5))
def test_a_shift_of_all_relevances_changes_nothing(
    given_: tuple[mmr.Floats, mmr.Floats], scale: float, shift: float
) -> None:
    relevance, vectors = given_
    chosen = mmr.select(relevance, vectors, count=3, trade_off=0.7)
    moved = mmr.select(relevance * scale + shift, vectors, count=3, trade_off=0.7)
    assert np.allclose(relevance[chosen], relevance[moved])


def test_a_near_copy_gives_way_to_something_else() -> None:
    vectors = np.array([[1.0, 0.0], [0.999, 0.0447], [0.0, 1.0], [0.0, -1.0]])
    relevance = np.array([1.0, 0.7, 0.65, 0.0])
    assert mmr.select(relevance, vectors, count=2, trade_off=0.7) == [0, 2]
    assert mmr.select(relevance, vectors, count=2, trade_off=1.0) == [0, 1]


def test_nothing_is_selected_from_nothing() -> None:
    assert mmr.select(np.array([]), np.empty((0, 4)), count=8, trade_off=0.7) == []


def test_equal_scores_have_no_z_score() -> None:
    assert mmr.z_scores(np.array([2.0, 2.0, 2.0])).tolist() == [0.0, 0.0, 0.0]


def test_an_unknown_term_weighs_nothing_and_a_rare_one_more_than_a_common_one() -> None:
    assert bm25.idf(0, 100) == 0.0
    assert bm25.idf(1, 100) > bm25.idf(50, 100) > bm25.idf(100, 100) > 0.0


def test_common_terms_choose_no_candidates_once_rarer_ones_bring_enough() -> None:
    frequencies = {"de": 90_000, "sintr": 300, "cancel": 40}
    assert bm25.choosing_terms(frequencies) == ["cancel", "sintr"]
    assert bm25.choosing_terms({"de": 90_000}) == ["de"]
    assert bm25.choosing_terms({"de": 900, "sintr": 300}) == ["sintr", "de"]
