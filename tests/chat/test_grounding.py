"""What passes the check, with which citation, and what does not."""

import pytest

from chat.grounding import Fault, Passage, check_sentence, is_repeated
from chat.language import is_portuguese

PASSAGES = (
    Passage.of(
        1,
        "Sintra dia inteiro. O passeio custa € 89 por pessoa e sai às 8h30 do Rossio. "
        "Crianças até três anos não pagam.",
    ),
    Passage.of(2, "Sintra meio dia. Sai às 9h e volta às 13h. Preço: 49 euros. De segunda a sexta, até 10/05/2026."),
)


def check(sentence):
    return check_sentence(sentence, PASSAGES)


def test_a_supported_sentence_keeps_its_citation():
    verdict = check("O passeio custa 89 euros por pessoa [1].")
    assert (verdict.text, verdict.citations, verdict.fault) == ("O passeio custa 89 euros por pessoa [1].", (1,), None)


def test_a_sentence_without_citation_gets_that_of_the_passage_that_supports_it():
    assert check("Crianças até 3 anos não pagam.").text == "Crianças até 3 anos não pagam [1]."
    assert check("Sai às 9h e volta às 13 horas.").citations == (2,)


def test_a_wrong_citation_is_mended_where_another_passage_supports_the_sentence():
    assert check("Sai às 08:30 do Rossio [2].").text == "Sai às 08:30 do Rossio [1]."


def test_two_passages_may_support_one_sentence_together():
    verdict = check("O passeio de dia inteiro custa 89 euros e o de meio dia custa 49 euros [1][2].")
    assert verdict.fault is None
    assert verdict.citations == (1, 2)


@pytest.mark.parametrize(
    ("sentence", "fault"),
    [
        ("O passeio custa 98 euros por pessoa [1].", Fault.UNSUPPORTED_FACT),
        ("O passeio sai às 8h30 de Belém [1].", Fault.UNSUPPORTED_FACT),
        ("O passeio custa R$ 89 por pessoa.", Fault.UNSUPPORTED_FACT),
        ("O passeio custa 89 euros por pessoa [7].", Fault.UNKNOWN_CITATION),
        ("A melhor época para surfar na região é o inverno.", Fault.UNSUPPORTED),
        ("The tour costs 89 euros per person and it leaves early in the morning [1].", Fault.LANGUAGE),
        ("[1]", Fault.EMPTY),
        ("***", Fault.EMPTY),
        ("o passeio o passeio o passeio o passeio o passeio [1]", Fault.LOOP),
    ],
)
def test_what_is_wrong_is_named(sentence, fault):
    assert check(sentence).fault is fault


def test_a_figure_that_only_another_passage_holds_does_not_pass_with_a_citation_to_this_one():
    verdict = check("O passeio de dia inteiro que sai do Rossio volta às 13h [1].")
    assert verdict.fault is not None


def test_a_heading_needs_no_citation():
    assert check("Siga os passos:").fault is None
    assert check("Siga os passos:").citations == ()


def test_saying_it_again_is_noticed():
    said = ["O passeio custa 89 euros por pessoa [1]."]
    assert is_repeated("O passeio custa 89 euros por pessoa.", said)
    assert not is_repeated("O passeio sai do Rossio às 8h30.", said)
    assert not is_repeated("Sim.", ["Sim."])


@pytest.mark.parametrize("place", ["Nazaré", "Sintra", "Évora", "Cascais"])
def test_short_portuguese_with_foreign_looking_names_is_portuguese(place: str):
    assert is_portuguese(f"A torre de {place} tem 16 degraus de pedra.")
    assert not is_portuguese(f"The tower of {place} has sixteen steps of stone.")
