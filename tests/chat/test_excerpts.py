"""Which words to answer with, from how likely each excerpt is. Values only."""

from __future__ import annotations

from math import log

import pytest

from chat.excerpts import LONGEST_WORDS, choose
from inference.engine import Excerpt

SENTENCE = "O passeio sai às 8h30 da praça, com guia, e volta às 17h30."


def likely(*shares: tuple[str, float], text: str = SENTENCE, number: int = 0) -> list[Excerpt]:
    return [Excerpt(number, text.index(words), text.index(words) + len(words), log(share)) for words, share in shares]


def chosen(excerpts: list[Excerpt], question: str = "", **settings: float) -> str:
    found = choose(question, excerpts, (SENTENCE,), **settings)
    assert found is not None
    return SENTENCE[found.start : found.end]


def test_nothing_is_chosen_where_nothing_was_pointed_at():
    assert choose("", [], (SENTENCE,)) is None


def test_the_only_likely_excerpt_is_chosen():
    assert chosen(likely(("às 8h30", 1.0))) == "às 8h30"


def test_a_doubtful_pointer_takes_in_the_places_in_doubt():
    assert chosen(likely(("às 8h30", 0.5), ("às 8h30 da praça", 0.5))).startswith("às 8h30 da praça")


def test_agreement_alone_prefers_fewer_words_than_holding_the_answer_does():
    excerpts = likely(("8h30", 0.4), ("sai às 8h30 da praça, com guia,", 0.3), ("17h30", 0.3))
    short, long = chosen(excerpts, holds=0.0), chosen(excerpts, holds=3.0)
    assert len(short.split()) < len(long.split())
    assert short in long


def test_what_the_question_said_already_is_not_what_it_asks_for() -> None:
    excerpts = likely(("O passeio sai", 0.5), ("O passeio sai às 8h30", 0.2), ("às 8h30 da praça", 0.3))
    assert chosen(excerpts).startswith("O passeio sai")
    assert chosen(excerpts, "Quando sai o passeio?").startswith("às 8h30")


def test_an_unlikely_excerpt_elsewhere_moves_nothing():
    assert chosen(likely(("às 8h30", 0.97), ("17h30", 0.03)), temperature=1.0) == "às 8h30"


def test_the_probability_is_that_the_answer_lies_within():
    found = choose("", likely(("às 8h30", 0.75), ("17h30", 0.25)), (SENTENCE,), temperature=1.0, holds=0.0)
    assert found is not None
    assert found.probability == pytest.approx(0.75)


def test_it_chooses_the_text_that_is_likelier():
    other = "A volta é às 18h."
    excerpts = [*likely(("às 8h30", 0.2)), *likely(("às 18h", 0.8), text=other, number=1)]
    found = choose("", excerpts, (SENTENCE, other))
    assert found is not None
    assert (found.text, other[found.start : found.end].rstrip(".")) == (1, "às 18h")


def test_what_is_chosen_begins_and_ends_with_a_word_and_is_no_longer_than_allowed():
    text = " ".join(f"palavra{number}" for number in range(3 * LONGEST_WORDS))
    excerpts = [Excerpt(0, 0, len("palavra0"), log(0.5)), Excerpt(0, len(text) - 5, len(text), log(0.5))]
    found = choose("", excerpts, (text,), holds=5.0)
    assert found is not None
    words = text[found.start : found.end].split()
    assert len(words) <= LONGEST_WORDS
    assert all(word in text.split() for word in words)
