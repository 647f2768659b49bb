"""Questions that cannot be understood alone are searched together with the ones before."""

from __future__ import annotations

import pytest

from chat.followups import in_context, leans_back

FIRST = "Quanto custa o passeio de dia inteiro a Sintra?"


@pytest.mark.parametrize(
    "question",
    [
        "E para crianças de 8 anos?",
        "e o barco, ate quando?",
        "Ele sai do hotel?",
        "Em qual confeitaria?",
        "Quanto dura?",
    ],
)
def test_what_goes_on_points_back_or_names_no_subject_leans_back(question):
    assert leans_back(question)
    assert in_context(question, [FIRST]) == f"{FIRST} {question}"


@pytest.mark.parametrize(
    "question",
    [
        FIRST,
        "O que é MIT?",
        "Quem foi Ada?",
        "Posso cancelar na véspera do passeio?",
        "Quanto dura a visita à Regaleira em cada um dos passeios?",
    ],
)
def test_what_names_its_subject_is_searched_alone(question):
    assert not leans_back(question)
    assert in_context(question, ["Vocês aceitam cartão de crédito?"]) == question


def test_it_looks_back_to_the_question_that_named_the_subject_and_no_further():
    earlier = ["Vocês aceitam cartão de crédito?", FIRST, "E para crianças?"]
    assert in_context("E para bebês?", earlier) == f"{FIRST} E para crianças? E para bebês?"
    assert in_context("E para bebês?", ["E 1", "E 2", "E 3", "E 4"]) == "E 2 E 3 E 4 E para bebês?"


def test_without_earlier_questions_it_stands_alone():
    assert in_context(" E para crianças? ", []) == "E para crianças?"


def test_an_earlier_question_that_would_fill_the_prompt_is_left_where_it_is():
    assert in_context("E para crianças?", ["palavra " * 900]) == "E para crianças?"
