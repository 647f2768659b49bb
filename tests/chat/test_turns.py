"""What an excerpt is never shown without: the words that turn it round or bound it."""

from __future__ import annotations

import time

import pytest

from chat.turns import with_what_turns_it


def grown(sentence: str, excerpt: str) -> str:
    start = sentence.index(excerpt)
    begin, end = with_what_turns_it(sentence, start, start + len(excerpt))
    return sentence[begin:end].strip(" ,;.")


@pytest.mark.parametrize(
    ("sentence", "excerpt", "shown"),
    [
        ("Na van não é permitido levar animais.", "permitido levar animais", "não é permitido levar animais"),
        ("Nunca levamos bagagem grande.", "bagagem grande", "Nunca levamos bagagem grande"),
        ("Não aceitamos cheque, boleto ou dinheiro.", "dinheiro", "Não aceitamos cheque, boleto ou dinheiro"),
        ("É proibido: fumar; levar animais.", "levar animais", "proibido: fumar; levar animais"),
        ("Cães e gatos, mesmo pequenos, não são aceitos.", "Cães", "Cães e gatos, mesmo pequenos, não são aceitos"),
        ("Só maiores de 18 anos podem entrar.", "18 anos", "Só maiores de 18 anos"),
        ("Abre todos os dias, exceto no domingo.", "todos os dias", "todos os dias, exceto no domingo"),
        ("Abre sempre, salvo sábados, domingos e feriados.", "sábados", "salvo sábados, domingos e feriados"),
        ("O valor é devolvido se o aviso vier antes.", "é devolvido", "é devolvido se o aviso vier antes"),
        ("Somente o titular pode cancelar.", "o titular", "Somente o titular"),
    ],
)
def test_an_excerpt_takes_with_it_what_turns_it_round(sentence, excerpt, shown):
    assert grown(sentence, excerpt) == shown


@pytest.mark.parametrize(
    ("sentence", "excerpt", "shown"),
    [
        ("Cancele até 48 horas antes.", "48 horas", "até 48 horas"),
        ("Grupos com mais de 10 pessoas pagam menos.", "10 pessoas", "mais de 10 pessoas pagam menos"),
        ("Crianças acima de 5 anos pagam.", "5 anos", "acima de 5 anos"),
        ("Custa a partir de R$ 50 por pessoa.", "50", "a partir de R$ 50"),
        ("Custa R$ 50 por pessoa.", "50 por pessoa", "R$ 50 por pessoa"),
        ("Recebeu cerca de 3 milhões de pessoas.", "3", "cerca de 3 milhões"),
        ("Leva 2 pessoas ou mais.", "2 pessoas", "2 pessoas ou mais"),
        ("Funciona entre 8h e 10h.", "10h", "entre 8h e 10h"),
    ],
)
def test_an_excerpt_takes_with_it_what_bounds_it(sentence, excerpt, shown):
    assert grown(sentence, excerpt) == shown


@pytest.mark.parametrize(
    ("sentence", "excerpt"),
    [
        ("Não aceitamos cheque, mas aceitamos Pix.", "Pix"),
        ("Não inclui almoço; a van sai às 8h30.", "às 8h30"),
        ("A van sai às 8h30 e não espera.", "às 8h30"),
        ("O palácio localiza-se na serra e se encontra aberto.", "na serra"),
        ("O almoço custa 18 euros por pessoa, com bebida.", "18 euros"),
    ],
)
def test_what_speaks_of_something_else_stays_away(sentence, excerpt):
    assert grown(sentence, excerpt) == excerpt


def test_thousands_of_such_words_take_no_time():
    hostile = "se não for, exceto até " * 20_000 + " " * 50_000 + "não; mas " * 20_000
    began = time.monotonic()
    with_what_turns_it(hostile, len(hostile) // 2, len(hostile) // 2 + 10)
    assert time.monotonic() - began < 2
