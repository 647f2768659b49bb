"""What says the opposite of its source is seen, what says the same in other words is not taken for it."""

from __future__ import annotations

import pytest

from chat.polarity import contradicts, said_in

SOURCE = (
    "O passeio de dia inteiro inclui o ingresso do palácio, mas não inclui o almoço. "
    "É proibido fumar dentro da van. Menores de 12 anos não podem viajar sozinhos. "
    "O cancelamento é gratuito até 48 horas antes da saída. A visita é feita sem guia. "
    "A cadeirinha é obrigatória para crianças até 7 anos."
)


@pytest.mark.parametrize(
    "claim",
    [
        "O passeio de dia inteiro inclui o almoço.",
        "O passeio de dia inteiro não inclui o ingresso do palácio.",
        "É permitido fumar dentro da van.",
        "Menores de 12 anos podem viajar sozinhos.",
        "O cancelamento não é gratuito até 48 horas antes da saída.",
        "A visita é feita com guia.",
        "A cadeirinha é opcional para crianças até 7 anos.",
    ],
)
def test_the_opposite_is_seen(claim):
    assert contradicts(said_in(SOURCE), said_in(claim))


@pytest.mark.parametrize(
    "claim",
    [
        "O almoço não está incluído no passeio de dia inteiro.",
        "O ingresso do palácio está incluído no passeio de dia inteiro.",
        "Não é permitido fumar dentro da van.",
        "Fumar na van é proibido.",
        "Crianças com menos de 12 anos não viajam sozinhas.",
        "Até 48 horas antes da saída, o cancelamento não custa nada.",
        "A visita não tem guia.",
        "Crianças até 7 anos precisam de cadeirinha.",
        "O passeio inclui o ingresso do palácio, mas não o almoço.",
        "O passeio de dia inteiro não só inclui o ingresso do palácio.",
        "Não se fuma dentro da van.",
        "Menores de 16 anos podem viajar sozinhos.",
    ],
)
def test_the_same_in_other_words_is_not(claim):
    assert not contradicts(said_in(SOURCE), said_in(claim))


def test_a_source_that_speaks_of_something_else_says_nothing_against_it():
    assert not contradicts(said_in("Não é permitido fumar."), said_in("O passeio inclui o almoço."))
    assert not contradicts((), said_in("É permitido fumar."))
