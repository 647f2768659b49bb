"""Identifiers in spellings that no library knows are found by the word that announces them."""

from __future__ import annotations

import pytest

from telemetry.pii import find_personal_data, redact


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("meu cpf 7 3 1 9 7 1 0 9 0 0 7 tá com problema", "7 3 1 9"),
        ("usaram o meu CPF (198.309.\n405-60)", "198.309"),
        ("RG nº MG-10-395-257, por favor", "10-395-257"),
        ("Conta poupança (ag. 8786) - 4452494-3", "4452494"),
        ("deposita na ag 1186 cc 77789-7 Sicoob", "77789"),
        ("CEP:49497 667", "49497"),
        ("data de nascimento 14121968", "14121968"),
        ("nascida em 01/out/1980", "out/1980"),
        ("manda pra ana ponto lima arroba prefeitura ponto sp ponto gov ponto br", "prefeitura"),
        ("tit. eleitor 0123 4567 0890", "4567"),
        ("Rua das Flores s/n, casa dos fundos, bairro Centro", "Flores"),
        ("a vítima, Shirlene Quirino, e o pai, que se chama Dermeval", "Dermeval"),
        ("o carro de placa AXY 2946 bateu", "AXY 2946"),
        ("CNPJ G1.WYW.5IA.0001.29", "WYW"),
        ("meu email é janaina84@live . com", "janaina84"),
        ("A entrega é na minha casa: Al. 28 de Julho, quadra 3, lote 12", "28 de Julho"),
        ("me liga no (79) 97558-\n9926", "97558"),
        ("Ficha do paciente\n- Nome completo: Ivonete Xavier Cardoso\n- CNS", "Ivonete"),
        ("Até logo.\n\nAtt.,\nfatima dos santos bittencourt", "bittencourt"),
        ("Cc: Hannelore Guajajara; Raoni Pellegrini\n", "Raoni"),
        ("a autora Ivonete Espírito Santo, inscrita no CPF sob o nº 1", "Ivonete"),
    ],
)
def test_it_goes(text, gone):
    assert gone not in redact(text).text


@pytest.mark.parametrize(
    "text",
    [
        "A empresa faturou 91.159.468.829 de reais em 1981.",
        "Quanto tempo dura a CNH depois da Lei nº 13.709/2018?",
        "Minha conta de luz veio R$ 5.911,50 em setembro.",
        "Qual é o clima em João Pessoa e em Presidente Prudente?",
        "Prezados senhores,\nsegue a ata.\n\nAtenciosamente,\nEquipe de Suporte",
        "Posso falar com o gerente da loja do shopping?",
        "A Praça do Império, 12, fica em Belém.",
        "De: Departamento de Compras\nPara: todos os clientes",
    ],
)
def test_what_names_nobody_stays(text):
    assert find_personal_data(text) == []
