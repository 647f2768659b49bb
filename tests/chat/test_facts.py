"""Figures and names, however they are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chat.facts import offered, proper_names, stated, supports


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("custa 89 euros", "Preço: € 89"),
        ("custa R$ 1.234,50", "valor de 1234,5 reais"),
        ("sai às 9h30", "partida 09:30"),
        ("sai às 9h", "das 9:00 às 18:00"),
        ("volta às 13 horas", "13h"),
        ("até 10/05/2026", "até 10 de maio de 2026"),
        ("em 10 de maio de 2026", "em 2026-05-10"),
        ("crianças até três anos", "menores de 3 anos"),
        ("aos sábados", "todo sábado"),
        ("fecha na segunda-feira", "fechado às segundas"),
        ("desconto de 15%", "desconto de quinze por cento"),
    ],
)
def test_the_same_figure_in_another_spelling_is_supported(said, written):
    offer = offered(written)
    assert stated(said)
    assert all(supports(offer, fact) for fact in stated(said))


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("custa 98 euros", "custa 89 euros"),
        ("custa R$ 89", "custa € 89"),
        ("sai às 9h30", "sai às 9h"),
        ("em 10/05/2026", "em 10/06/2026"),
        ("fecha na terça-feira", "fecha na segunda-feira"),
        ("sai de Belém", "sai do Rossio"),
        ("são 1.500 metros", "são 1,5 metros"),
    ],
)
def test_another_figure_or_name_is_not(said, written):
    offer = offered(written)
    assert not all(supports(offer, fact) for fact in stated(said))


def test_the_first_word_of_a_sentence_is_no_name_by_its_capital_alone():
    assert proper_names("Crianças pagam metade em Sintra.") == ["sintra"]
    assert proper_names("Quinta da Regaleira e Palácio da Pena") == ["regaleira", "palacio", "pena"]
    assert proper_names("O POSCOMP é um exame. UFRJ aplica.") == ["poscomp", "ufrj"]


def test_citations_are_no_figures():
    assert stated("Custa 89 euros [12].") == stated("Custa 89 euros.")


@given(st.decimals(min_value=0, max_value=10**7, places=2))
def test_any_price_is_supported_by_itself_in_brazilian_notation(amount):
    written = f"{amount:,.2f}".replace(",", "_").replace(".", ",").replace("_", ".")
    assert stated(f"R$ {written}") <= offered(f"total de R$ {amount} reais".replace(".", ","))


@given(st.text(max_size=200))
def test_no_text_breaks_it(text):
    assert all(supports(offered(text), fact) for fact in stated(text))
