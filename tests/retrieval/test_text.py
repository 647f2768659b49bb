from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.text import query_terms, split_sentences, tokens


def sentences(text: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(text)]


@pytest.mark.parametrize(
    ("typed", "printed"),
    [
        ("cancelamento", "CANCELAMENTOS"),
        ("agua", "Água"),
        ("criancas", "crianças"),
        ("sao joao", "São João"),
        ("1250", "R$ 1.250,00".removeprefix("R$ ")),
        ("lei 9394", "Lei nº 9.394".replace("nº ", "")),
        ("artigo 5", "Artigo 5º"),
    ],
)
def test_what_is_typed_meets_what_is_printed(typed: str, printed: str) -> None:
    assert tokens(typed) == tokens(printed)


def test_different_numbers_stay_different() -> None:
    assert tokens("12,50") != tokens("1250")
    assert tokens("3.5") != tokens("35")


@pytest.mark.parametrize(
    "sentence",
    [
        "O Sr. Silva e a Dra. Lima chegam às 8h.",
        "Conforme o Art. 5º da Lei nº. 9.394, o aluno pode recorrer.",
        "A sede fica na Av. Paulista, perto da R. Augusta.",
        "O valor é R$ 1.250,00 por pessoa.",
        "O ingresso, por ex. o do palácio, não está incluído.",
        "Fica em São Paulo, a 3 km. 12 do centro.",
        "J. R. R. Tolkien escreveu isto.",
    ],
)
def test_an_abbreviation_does_not_end_a_sentence(sentence: str) -> None:
    assert sentences(f"{sentence} Depois vem outra.") == [sentence, "Depois vem outra."]


def test_a_unit_ends_a_sentence_where_a_word_follows() -> None:
    assert sentences("Fica perto do mar. Leve roupa. Abre às 8 h. Depois fecha.") == [
        "Fica perto do mar.",
        "Leve roupa.",
        "Abre às 8 h.",
        "Depois fecha.",
    ]


def test_each_line_of_a_list_is_a_sentence() -> None:
    assert sentences("1. Chegue cedo\n2. Leve água\n- item") == ["1. Chegue cedo", "2. Leve água", "- item"]


def test_questions_and_quotations_end_with_their_marks() -> None:
    assert sentences('Ele disse: "Vamos!" Ela foi. Quanto custa? Nada…') == [
        'Ele disse: "Vamos!"',
        "Ela foi.",
        "Quanto custa?",
        "Nada…",
    ]


@given(st.text(alphabet=st.sampled_from("aB 1.!?\n\"')nº-…ãé,"), max_size=200))
def test_sentences_are_slices_in_order_and_lose_only_white_space(text: str) -> None:
    found = split_sentences(text)
    assert all(text[sentence.start : sentence.end] == sentence.text for sentence in found)
    assert "".join("".join(sentence.text.split()) for sentence in found) == "".join(text.split())
    assert all(first.end <= second.start for first, second in pairwise(found))


@given(st.text(max_size=300))
def test_tokens_do_not_change_with_case_or_accents_lost(text: str) -> None:
    assert all(token == token.lower() and token.isascii() for token in tokens(text))


def test_a_question_is_searched_by_what_it_is_about() -> None:
    assert query_terms("Qual é o prazo de cancelamento?") == query_terms("prazo, cancelamento")


def test_a_question_of_asking_words_alone_keeps_them() -> None:
    assert query_terms("Quem é você?")
