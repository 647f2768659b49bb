"""Nearly the same question and answer are found, exactly and fast."""

from __future__ import annotations

import random
import time

from hypothesis import given
from hypothesis import strategies as st

from chat.lessons.similar import _said, near_duplicates

LONG = "Em caso de chuva forte o passeio de barco é remarcado sem custo para a primeira data livre [1]."


def test_a_word_more_or_less_is_nearly_the_same() -> None:
    asked = "O que acontece com o passeio de barco se chover?"
    more = LONG.replace("sem custo", "sem nenhum custo").replace("[1]", "[2]")
    assert near_duplicates([(asked, LONG), (f"{asked} Obrigado!", more)]) == {1: 0}


def test_another_figure_is_another_answer() -> None:
    pairs = [
        (
            f"Quanto custa o passeio {kind}?",
            f"O passeio custa {price} € por adulto, com guia, entrada e café da "
            "manhã incluídos no preço de cada pessoa do grupo [1].",
        )
        for kind, price in (("", 98), ("", 62))
    ]
    assert near_duplicates(pairs) == {}


def test_another_question_with_the_same_answer_is_kept() -> None:
    assert near_duplicates([("Posso levar cachorro?", LONG), ("E se chover forte?", LONG)]) == {}


def test_it_looks_at_twenty_thousand_rows_in_less_than_a_minute() -> None:
    rng = random.Random(3)
    words = [f"palavra{number}" for number in range(3000)]
    pairs = [(" ".join(rng.choices(words, k=8)), " ".join(rng.choices(words, k=30))) for _ in range(10_000)]
    began = time.perf_counter()
    near = near_duplicates([*pairs, *((f"{asked} Por favor?", f"{said}.") for asked, said in pairs)])
    assert time.perf_counter() - began < 60
    assert near == {place + 10_000: place for place in range(10_000)}


_few_words = st.lists(st.sampled_from("mala van guia mar vila sol 3 7".split()), min_size=1, max_size=6).map(" ".join)


@given(st.lists(st.tuples(_few_words, _few_words), max_size=12))
def test_it_finds_what_comparing_each_with_each_finds(pairs: list[tuple[str, str]]) -> None:
    said = [_said(*pair) for pair in pairs]
    kept: list[int] = []
    near: set[int] = set()
    for place, each in enumerate(said):
        if any(each.is_near(said[other]) for other in kept):
            near.add(place)
        else:
            kept.append(place)
    assert set(near_duplicates(pairs)) == near
