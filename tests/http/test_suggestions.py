"""What the empty chat suggests: questions that the documents themselves ask, else their titles."""

from __future__ import annotations

import pytest

from chat.suggestions import suggested_questions
from retrieval.models import Chunk, Document

pytestmark = pytest.mark.django_db


def document(title: str, *sections: str, groups: tuple[str, ...] = ()) -> None:
    row = Document.objects.create(
        tenant="default", title=title, source=title, media_type="text/plain", sha256=title.ljust(64, "0"),
        size_bytes=1, groups=list(groups), text="",
    )  # fmt: skip
    for ordinal, section in enumerate(sections):
        Chunk.objects.create(
            document=row, ordinal=ordinal, section=section, text="x", start=0, end=1, token_count=1, term_count=1
        )


def test_headings_that_ask_are_suggested() -> None:
    document("Perguntas", "Dúvidas › Posso cancelar?", "Dúvidas › Posso cancelar?", "Horários", "Crianças pagam?")
    assert suggested_questions(groups=None) == ["Posso cancelar?", "Crianças pagam?"]


def test_many_headings_are_spread_out_and_four_at_most() -> None:
    document("Perguntas", *[f"Pergunta {number}?" for number in range(8)])
    assert suggested_questions(groups=None) == ["Pergunta 0?", "Pergunta 2?", "Pergunta 4?", "Pergunta 6?"]


def test_the_document_that_asks_most_comes_first() -> None:
    document("Avisos", "Perdeu algo?")
    document("Perguntas frequentes", "Posso cancelar?", "Crianças pagam?")
    assert suggested_questions(groups=None) == ["Posso cancelar?", "Crianças pagam?", "Perdeu algo?"]


def test_without_such_headings_titles_are_asked_about() -> None:
    document("Tabela de preços", "Preços")
    assert suggested_questions(groups=None) == ["O que diz o documento “Tabela de preços”?"]


def test_an_empty_installation_suggests_nothing() -> None:
    assert suggested_questions(groups=None) == []


def test_a_heading_of_another_group_is_not_given_away() -> None:
    document("Diretoria", "Quem será demitido?", groups=("diretoria",))
    assert suggested_questions(groups=()) == []
    assert suggested_questions(groups=("diretoria",)) == ["Quem será demitido?"]
