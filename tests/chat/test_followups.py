"""Questions that cannot be understood alone are searched together with the ones before."""

from __future__ import annotations

import pytest

from chat.followups import readings

FIRST = "Quanto custa o passeio de dia inteiro a Sintra?"
CARDS = "Vocês aceitam cartão de crédito?"


@pytest.mark.parametrize(
    "question",
    [
        "E para crianças de 8 anos?",
        "e o barco, ate quando?",
        "Ele sai do hotel?",
        "Em qual confeitaria?",
        "Quanto dura?",
        "Por quanto tempo?",
        "Que horas?",
    ],
)
def test_what_goes_on_points_back_or_asks_for_a_detail_is_read_with_the_one_before(question):
    assert readings(question, [FIRST]) == (f"{FIRST} {question}",)


@pytest.mark.parametrize(
    "question",
    [
        "O que acontece se chover?",
        "Quero reclamar",
        "tem cadeirinha?",
        "Até quando vocês avisam?",
        "O que é MIT?",
        "Quem foi Ada?",
        "É possível remarcar o passeio?",
        "e possivel remarcar o passeio",
    ],
)
def test_a_short_one_may_also_begin_another_subject(question):
    assert readings(question, [FIRST]) == (question, f"{FIRST} {question}")


@pytest.mark.parametrize(
    "question", [FIRST, "Quanto dura a visita à Regaleira em cada um dos passeios de Sintra com guia?"]
)
def test_what_names_its_subject_at_length_is_read_alone(question):
    assert readings(question, [CARDS]) == (question,)


def test_it_looks_back_to_the_question_that_named_the_subject_and_no_further():
    assert readings("E para bebês?", [CARDS, FIRST, "E para crianças?"]) == (f"{FIRST} E para crianças? E para bebês?",)
    assert readings("E para bebês?", ["E 1", "E 2", "E 3", "E 4"]) == ("E 2 E 3 E 4 E para bebês?",)


def test_without_earlier_questions_it_stands_alone():
    assert readings(" E para crianças? ", []) == ("E para crianças?",)


def test_an_earlier_question_that_would_fill_the_prompt_is_left_where_it_is():
    assert readings("E para crianças?", ["palavra " * 900]) == ("E para crianças?",)
