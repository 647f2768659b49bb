"""Personal data never leaves: found, masked, restored, and blocked when something is left."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telemetry import pii
from telemetry.exceptions import PersonalDataLeft

PLANTED = {
    "529.982.247-25": "meu CPF é 529.982.247-25",
    "52998224725": "cpf 52998224725, por favor",
    "529.982.247-24": "o CPF com um dígito trocado: 529.982.247-24",
    "12.345.678/0001-95": "CNPJ da empresa: 12.345.678/0001-95",
    "12.ABC.345/01DE-35": "o CNPJ novo tem letras: 12.ABC.345/01DE-35",
    "729 1417 7763 1701": "cartão SUS 729 1417 7763 1701",
    "0000001-83.2017.8.26.0100": "processo 0000001-83.2017.8.26.0100",
    "4111 1111 1111 1111": "paguei com o cartão 4111 1111 1111 1111",
    "joao.silva+viagem@exemplo.com.br": "escreva para joao.silva+viagem@exemplo.com.br.",
    "maria (arroba) exemplo (ponto) com": "e-mail maria (arroba) exemplo (ponto) com",
    "(11) 98765-4321": "ligue para (11) 98765-4321 à tarde",
    "11987654321": "meu whatsapp 11987654321",
    "98765-4321": "celular: 98765-4321",
    "+351 912 345 678": "em Portugal sou +351 912 345 678",
    "+44 20 7946 0958": "my number is +44 20 7946 0958",
    "Joana Prado": "meu nome é Joana Prado e quero reservar",
    "joão pedro da silva": "meu nome é joão pedro da silva e quero reservar",
    "Kauê": "me chamo Kauê, tudo bem?",
    "Ermelinda Quaresma": "falei com a Sra. Ermelinda Quaresma ontem",
    "Carlos Eduardo Nogueira": "O passageiro Carlos Eduardo Nogueira não apareceu",
    "MARIA APARECIDA DOS SANTOS": "reserva de MARIA APARECIDA DOS SANTOS",
    "ana beatriz souza": "a reserva de ana beatriz souza é para sexta",
    "01310-100": "CEP 01310-100",
    "12.345.678-9": "RG 12.345.678-9 SSP/SP",
    "FX123456": "passaporte nº FX123456",
    "12/03/1980": "nascida em 12/03/1980",
    "Rua das Acácias, 123": "moro na Rua das Acácias, 123, apartamento 4",
}

CLEAN = (
    "O passeio custa R$ 1.250,00 por pessoa, ou € 189,90, e sai às 8h30.",
    "Em 22/11/2026, sexta-feira, das 9h às 17h, o Palácio da Pena fica aberto.",
    "Art. 37, § 2º, da Lei nº 8.112/1990, com a redação da Lei 9.527/97.",
    "Conforme a norma ABNT NBR 9050 e a ISO 9001, a rampa tem 8,33 % de inclinação.",
    "O protocolo 2026/004512 foi registrado sob o número 1234567.",
    "A Rua João Pessoa fica perto da Praça Carlos Gomes, no bairro Santa Maria.",
    "O Professor Titular e o Sr. Diretor assinam a Resolução nº 12.",
    "São 24 vagas, de segunda a sexta, no turno 2, sala 301 do bloco B.",
    "Sou o responsável pelo grupo; meu nome não está na lista.",
    "Dom Pedro II e Fernando de Noronha não são clientes.",
    "Veja as fontes [1], [2] e [3].",
)


@pytest.mark.parametrize(("value", "text"), PLANTED.items())
def test_planted_data_does_not_leave(value, text):
    masked = pii.mask_for_egress([text])
    assert value not in masked.texts[0]
    assert masked.unmask(masked.texts[0]) == text


@pytest.mark.parametrize("text", CLEAN)
def test_prices_dates_laws_and_places_survive(text):
    assert pii.redact(text).text == text


def test_an_invisible_character_does_not_hide_a_number():
    hidden = "CPF 529.982\u200b.247-25 e e-mail jo\u200bao@exemplo.com"
    assert pii.redact(hidden).text == "CPF [CPF_1] e e-mail [EMAIL_1]"


def test_a_decomposed_name_is_masked_with_its_accents():
    assert pii.redact("meu nome e\u0301 Jose\u0301, sim").text.endswith("[NOME_1], sim")


def test_the_same_value_gets_the_same_placeholder_in_every_text():
    masked = pii.mask_for_egress(["CPF 529.982.247-25", "de novo: 529.982.247-25", "e 111.444.777-35"])
    assert masked.texts == ("CPF [CPF_1]", "de novo: [CPF_1]", "e [CPF_2]")
    assert masked.kinds == ("CPF",)


def test_redaction_knows_one_identifier_in_two_spellings():
    assert pii.redact("CPF 529.982.247-25, ou seja 52998224725").text == "CPF [CPF_1], ou seja [CPF_1]"


def test_question_and_reply_are_redacted_together():
    question, reply = pii.redact_together(["sou a Ana Lima", "Olá, Ana Lima!"])
    assert (question.text, reply.text) == ("sou a [NOME_1]", "Olá, [NOME_1]!")


def test_a_placeholder_typed_by_the_asker_reveals_nothing_and_comes_back_as_typed():
    text = "repita [CPF_1]; o meu CPF é 529.982.247-25"
    masked = pii.mask_for_egress([text])
    assert masked.texts == ("repita [CPF_1]; o meu CPF é [CPF_2]",)
    assert masked.unmask("você disse [CPF_1] e [CPF_2]") == "você disse [CPF_1] e 529.982.247-25"


def test_what_is_still_found_after_masking_blocks_the_call(monkeypatch):
    monkeypatch.setattr(pii, "ROUNDS", 0)
    with pytest.raises(PersonalDataLeft) as blocked:
        pii.mask_for_egress(["CPF 529.982.247-25, fone (11) 98765-4321"])
    assert blocked.value.kinds == ("CPF", "TELEFONE")
    assert "529" not in str(blocked.value)


def test_a_number_brought_near_its_context_by_masking_is_masked_too():
    far = "conta: escreva a " + "joao.silva.que.tem.um.endereco.comprido@exemplo.com.br sobre o 52998224725"
    assert "52998224725" not in pii.mask_for_egress([f"cpf {far}"]).texts[0]


def test_a_long_text_is_masked_across_the_pieces_it_is_read_in():
    text = "".join(f"{'palavra ' * (40 + number)}CPF 529.982.247-{number:02} " for number in range(100))
    masked = pii.mask_for_egress([text])
    assert "529" not in masked.texts[0]
    assert masked.unmask(masked.texts[0]) == text


def test_the_mask_does_not_print_what_it_hides():
    assert "529" not in repr(pii.mask_for_egress(["CPF 529.982.247-25"]))


ORDINARY = "O cliente disse sou o titular, moro na rua da placa, e o cartao da conta ag 12 e de 3 ou 4 anos. "


def cost_of(text: str) -> float:
    """The seconds of processor time that masking takes, at best."""

    def once() -> float:
        begun = time.process_time()
        masked = pii.mask_for_egress([text])
        spent = time.process_time() - begun
        assert masked.unmask(masked.texts[0]) == text
        return spent

    return min(once() for _ in range(5))


@pytest.mark.parametrize("unit", ["1 ", "1  ", "11 9 ", "cnpj a b "])
def test_a_row_of_spaced_signs_has_one_reading(unit):
    """With several for each gap it took two hundred times what prose takes that no pattern is spared."""
    size = 2000
    assert cost_of((unit * size)[:size]) < 8 * cost_of((ORDINARY * size)[:size])


@pytest.mark.parametrize(
    "unit",
    [
        "A",
        "Aa",
        "1",
        "1 ",
        "a.a",
        "a@",
        "Maria ",
        "moro na rua ",
        "meu nome é a ",
        "[CPF_",
        "tel ",
        "1 - ",
        "cnpj a b ",
    ],
)
def test_a_hostile_question_takes_no_time(unit):
    """Patterns are linear: four times the text, up to the longest question accepted, takes about four times as long."""
    short, long = (unit * (size // len(unit)) for size in (2000, 8000))
    assert cost_of(long) < 9 * cost_of(short)


class TestStream:
    MASK = pii.mask_for_egress(["CPF 529.982.247-25 de meu nome é Joana Prado"])

    def test_half_a_placeholder_is_held_back(self):
        stream = self.MASK.unmasker()
        assert [stream.feed(piece) for piece in ("Seu CPF: [CP", "F_", "1]. Fim [1")] == [
            "Seu CPF: ",
            "",
            "529.982.247-25. Fim [1",
        ]

    def test_the_end_of_a_stream_gives_back_what_was_held(self):
        stream = self.MASK.unmasker()
        assert stream.feed("fim [NO") + stream.flush() == "fim [NO"
        assert stream.flush() == ""

    @pytest.mark.parametrize("written", ["[cpf_1]", "[ CPF_1 ]", "[Cpf 1]", r"[CPF\_1]", "**[CPF_1]**"])
    def test_a_placeholder_is_known_however_the_model_writes_it(self, written):
        said = written.replace(written.strip("*"), "529.982.247-25")
        stream = self.MASK.unmasker()
        assert "".join(map(stream.feed, f"é {written}.")) + stream.flush() == f"é {said}."
        assert self.MASK.unmask(f"é {written}.") == f"é {said}."

    @pytest.mark.parametrize("invented", ["[CPF_2]", "[RG_1]", "[CPF_1 e outros]", "[cpf]", "[" + " " * 60 + "CPF_1]"])
    def test_a_placeholder_that_the_model_invented_is_left_alone(self, invented):
        stream = self.MASK.unmasker()
        assert "".join(map(stream.feed, f"é {invented}.")) + stream.flush() == f"é {invented}."
        assert self.MASK.unmask(invented) == invented

    @given(
        st.lists(st.sampled_from(["[CPF_1]", "[cpf 1", "[NOME_1]", " ", "[CP", "[", "]", "[1]", "olá ", "F_1]", "_"])),
        st.data(),
    )
    def test_pieces_give_what_the_whole_gives(self, parts, data):
        text = "".join(parts)
        stream, said, rest = self.MASK.unmasker(), "", text
        while rest:
            size = data.draw(st.integers(1, len(rest)))
            said, rest = said + stream.feed(rest[:size]), rest[size:]
        assert said + stream.flush() == self.MASK.unmask(text)


texts = st.lists(
    st.one_of(st.text(max_size=30), st.sampled_from([*PLANTED.values(), "[CPF_1]", "[cpf 1]", "[NOME_2]", " ", "\n"])),
    max_size=8,
).map("".join)


@settings(max_examples=150, deadline=None)
@given(st.lists(texts, min_size=1, max_size=3))
def test_unmasking_undoes_masking(originals):
    try:
        masked = pii.mask_for_egress(originals)
    except PersonalDataLeft:
        return  # blocked: nothing left the machine
    assert [masked.unmask(text) for text in masked.texts] == originals


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=40), st.sampled_from(list(PLANTED.items())), st.text(max_size=40))
def test_planted_data_is_found_between_any_lines(before, planted, after):
    value, text = planted
    try:
        masked = pii.mask_for_egress([f"{before}\n{text}\n{after}"])
    except PersonalDataLeft:
        return
    assert value in f"{before}{after}" or value not in masked.texts[0]
