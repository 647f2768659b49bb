"""An answer in the documents' own words: which sentences, how much of them, and what they lean on."""

from __future__ import annotations

import pytest

from chat.confidence import read
from chat.evidence import WeighedSentence, pack, pack_whole
from chat.quotation import CUT_TO, Quotation, cut, quote
from retrieval.text import tokens
from tests.chat.test_evidence import OTHER, QUESTION, chunk, retrieval_of


def test_a_quotation_is_the_documents_own_words_with_what_they_lean_on():
    texts = ["A van sai do Rossio.", "O almoço custa 18 euros.", "Ele inclui a bebida."]
    supports = [0.1, 0.2, 0.9]
    sentences = tuple(
        WeighedSentence(0, index, texts[index], 0.5, 0.85, supports[index])
        for index in sorted(range(3), key=lambda index: -supports[index])
    )
    quotation = quote(QUESTION, pack_whole((chunk(1, " ".join(texts)),), 600), sentences)
    assert quotation == Quotation("O almoço custa 18 euros. Ele inclui a bebida [1].", frozenset({1}))


def test_a_list_is_quoted_with_its_items():
    steps = chunk(
        1, "Outras coisas ficam aqui. Para cancelar o passeio:\n1. Abra o e-mail.\n2. Clique em cancelar.\n\nBom dia."
    )
    sentences = read(retrieval_of("Como cancelar o passeio?", steps), passages=4).sentences
    quotation = quote(QUESTION, pack((steps,), sentences, 600), sentences)
    assert quotation is not None
    assert quotation.text == "Para cancelar o passeio:\n1. Abra o e-mail.\n2. Clique em cancelar [1]."


def test_weak_support_is_not_quoted():
    sentences = read(retrieval_of("Qual a cor preferida do guia?", OTHER), passages=4).sentences
    assert quote(QUESTION, pack((OTHER,), sentences, 600), sentences) is None


def test_one_step_is_quoted_with_the_others():
    steps = chunk(1, "Bom dia.\n1. Abra o e-mail.\n2. Clique em cancelar.\n3. Confirme o cancelamento.\nBoa viagem.")
    sentences = read(retrieval_of("Onde clique em cancelar?", steps), passages=4).sentences
    quotation = quote(QUESTION, pack((steps,), sentences, 600), sentences)
    assert quotation is not None
    assert quotation.text == "1. Abra o e-mail.\n2. Clique em cancelar.\n3. Confirme o cancelamento [1]."


def test_nothing_packed_is_nothing_quoted():
    assert quote(QUESTION, pack((), (), 600), ()) is None


def sentence(text, support, about, *, passage=0, index=0):
    return WeighedSentence(passage, index, text, sum(about.values()), 0.85, support, about)


def test_a_second_sentence_is_quoted_where_it_is_about_what_the_first_is_not():
    whole = sentence("O dia inteiro dura nove horas.", 0.9, {"inteir": 0.5})
    half = sentence("O meio dia dura quatro horas.", 0.85, {"mei": 0.4}, index=1)
    again = sentence("O dia inteiro sai cedo.", 0.89, {"inteir": 0.5}, index=2)
    packed = pack_whole((chunk(1, " ".join(each.text for each in (whole, half, again))),), 600)
    said = quote("Dia inteiro ou meio dia?", packed, (whole, again, half))
    assert said is not None
    assert said.text == "O dia inteiro dura nove horas. O meio dia dura quatro horas [1]."


LONG = (
    "Para atender à resolução do conselho, que trata dos prazos da universidade e de suas unidades, a comissão de cada "
    "curso aprova o plano de estudos, ouvido o colegiado; o registro em ata é feito pela secretaria, que o publica."
)
PLAN = sentence(LONG, 0.9, {"plan": 0.5, "estud": 0.5})


def test_a_long_sentence_is_cut_to_the_clauses_that_bear_on_the_question_and_says_so():
    said = quote("Como é aprovado o plano de estudos?", pack_whole((chunk(1, LONG),), 600), (PLAN,))
    assert said is not None
    assert said.text == (
        "[…] a comissão de cada curso aprova o plano de estudos, ouvido o colegiado; o registro em ata é feito pela "
        "secretaria […] [1]."
    )
    assert len(said.text.replace("[…]", "").split()) >= CUT_TO


def test_who_does_it_is_not_cut_away():
    said = quote("Quem aprova o plano de estudos?", pack_whole((chunk(1, LONG),), 600), (PLAN,))
    assert said is not None
    assert said.text.startswith("Para atender à resolução")


def test_a_short_sentence_stays_whole():
    short = sentence("Em regra, o plano de estudos é aprovado pela comissão, em reunião.", 0.9, {"plan": 0.5})
    said = quote("Quando o plano é aprovado?", pack_whole((chunk(1, short.text),), 600), (short,))
    assert said is not None
    assert said.text == "Em regra, o plano de estudos é aprovado pela comissão, em reunião [1]."


def test_a_short_section_that_the_question_names_is_quoted_whole():
    texts = ["Aceitamos Pix e cartão.", "Não recebemos cheque.", "Dinheiro, só em euro."]
    about = dict.fromkeys(tokens("formas pagamento"), 0.5)
    lines = tuple(sentence(text, 0.9 - index / 10, about, index=index) for index, text in enumerate(texts))
    means = chunk(1, " ".join(texts), title="Formas de pagamento", section="Meios aceitos")
    said = quote("Quais formas de pagamento?", pack_whole((means,), 600), lines)
    assert said is not None
    assert said.text == "Aceitamos Pix e cartão. Não recebemos cheque. Dinheiro, só em euro [1]."
    elsewhere = chunk(1, means.text, title="Perguntas", section="Outras")
    said = quote("Quais formas de pagamento?", pack_whole((elsewhere,), 600), lines)
    assert said is not None
    assert said.text == "Aceitamos Pix e cartão [1]."


def test_a_sentence_of_thousands_of_clauses_is_cut_in_no_time():
    """A document may be hostile. What grows with the square of its commas or blanks would take minutes here."""
    text = "plano, " + " " * 50_000 + ", ".join(["palavra"] * 20_000) + " " * 50_000 + ", estudos do plano"
    long = sentence(text, 0.9, {"plan": 0.5, "estud": 0.5})
    said = quote("Que plano de estudos?", pack_whole((chunk(1, text),), 600), (long,))
    assert said is not None
    assert said.text.endswith("estudos do plano [1].")
    assert len(said.text.split()) < 20


LUNCH = "O almoço custa 18 euros por pessoa, com bebida, e é servido ao meio-dia no Rossio."


def quoted(question: str, *texts: str) -> Quotation:
    own = chunk(1, " ".join(texts))
    weighed = tuple(sentence(text, 0.9 - index / 2, {"almoc": 1.0}, index=index) for index, text in enumerate(texts))
    found = quote(question, pack_whole((own,), 600), weighed)
    assert found is not None
    return found


def test_the_only_sentence_of_a_quotation_may_be_cut():
    quotation = quoted("Quanto custa o almoço?", LUNCH, "A van sai do Rossio.")
    start = LUNCH.index("18")
    assert cut(quotation, start, LUNCH.index(",") + 1) == "18 euros por pessoa [1]."
    assert cut(quotation, LUNCH.index("por"), start + 19) == "Por pessoa [1]."


def test_a_sentence_of_which_nearly_all_is_wanted_stays_whole():
    quotation = quoted("Quanto custa o almoço?", LUNCH)
    assert cut(quotation, 2, len(LUNCH)) == quotation.text


@pytest.mark.parametrize("question", ["Explique o almoço", "Qual a diferença entre os almoços?", "Compare os almoços"])
def test_nothing_is_cut_from_what_is_to_explain(question):
    assert quoted(question, LUNCH).sentence is None
    assert cut(quoted(question, LUNCH), 0, 5) == quoted(question, LUNCH).text


@pytest.mark.parametrize(
    "question",
    [
        "Posso levar o almoço?",
        "O almoço inclui bebida?",
        "Tenho que pagar o almoço?",
        "O almoço é mais caro do que o passeio?",
        "Tenho direito ao que foi combinado do almoço?",
    ],
)
def test_nothing_is_cut_from_what_answers_yes_or_no(question):
    assert quoted(question, LUNCH).sentence is None


@pytest.mark.parametrize(
    "question",
    [
        "A que horas é o almoço?",
        "Que almoço servem?",
        "O almoço, quanto é?",
        "Do que é feito o almoço?",
        "Ao que dá direito o almoço?",
        "O almoço dá direito ao quê?",
        "o almoço é a q horas",
    ],
)
def test_what_asks_for_a_part_of_a_sentence_may_be_cut(question):
    assert quoted(question, LUNCH).sentence is not None


def test_a_cut_does_not_turn_the_sentence_round():
    whole = "Nos passeios de dia inteiro que saem do Rossio não é permitido levar animais de grande porte na van."
    start = whole.index("permitido")
    said = cut(quoted("O que é permitido levar no almoço?", whole), start, whole.index(" de grande"))
    assert said.startswith("Não é permitido levar animais")


def test_a_long_sentence_is_not_cut_to_what_it_forbids():
    text = (
        "É vedado a quem estiver na sala da prova, sob pena de ser eliminado do processo em curso e dos próximos, "
        "consultar o plano de estudos, conversar com os colegas de qualquer dos cursos, ou sair dela antes de uma hora."
    )
    long = sentence(text, 0.9, {"plan": 0.5, "estud": 0.5})
    said = quote("Onde consultar o plano de estudos?", pack_whole((chunk(1, text),), 600), (long,))
    assert said is not None
    assert "vedado a quem" in said.text


def leaning(sentence_text: str) -> Quotation:
    """A quotation of that sentence, the best, with the one before it."""
    weighed = (sentence(sentence_text, 0.9, {"almoc": 1.0}, index=1), sentence("O passeio é bom.", 0.1, {}))
    own = chunk(1, f"O passeio é bom. {sentence_text}")
    found = quote("Quanto é o almoço?", pack_whole((own,), 600), weighed)
    assert found is not None
    assert found.text.startswith("O passeio é bom. ")
    return found


def test_what_only_goes_on_from_the_sentence_before_may_be_cut():
    goes_on = "Além disso, o almoço custa 18 euros por pessoa."
    quotation = leaning(goes_on)
    assert cut(quotation, goes_on.index("18"), goes_on.index(" por")) == "18 euros [1]."
    assert cut(quotation, 0, goes_on.index(" custa")) == quotation.text


def test_what_means_something_by_the_sentence_before_is_not_cut():
    assert leaning("Nesse caso, o almoço custa 18 euros.").sentence is None


def test_what_leans_on_the_sentence_before_is_not_cut():
    assert quoted("Quanto é o almoço?", "Ele custa 18 euros.", "O almoço é bom.").sentence is not None
    weighed = (sentence("Ele custa 18 euros.", 0.9, {"almoc": 1.0}, index=1), sentence("O almoço é bom.", 0.1, {}))
    own = chunk(1, "O almoço é bom. Ele custa 18 euros.")
    found = quote("Quanto é o almoço?", pack_whole((own,), 600), weighed)
    assert found is not None
    assert found.sentence is None
