"""What is kept for the examination: the same documents for ever, and nothing of them in any row."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.lessons import examination_from, is_held_out
from chat.lessons.lesson import LeftOut, Lesson
from chat.lessons.rows import Form, row_of
from chat.lessons.split import Withheld, digest
from retrieval.models import Document
from retrieval.results import RetrievedChunk
from telemetry.training_sets import Origin
from tests.chat.lessons.teaching import HELD_OUT, answered, fill_library, known, learn, left_out, material, reviewed

FORM = Form("Você é o AION.", 600, 4000)
BUS = "A que horas parte o primeiro ônibus do terminal norte?"
BUS_SAID = "O primeiro ônibus parte do terminal norte às 7h15"


def test_the_split_never_moves() -> None:
    frozen = {"Horários": True, "Fado": True, "Reembolso": True, "Bagagem": False, "Clima": False, "Vinhos": False}
    assert {title: is_held_out(title) for title in frozen} == frozen


def test_a_title_is_the_same_document_however_it_is_spelt() -> None:
    assert is_held_out("HORÁRIOS") == is_held_out(" horarios. ") == is_held_out("Horários")


def test_about_a_quarter_of_all_documents_is_for_the_examination() -> None:
    assert 0.22 < sum(is_held_out(f"Documento {number}") for number in range(4000)) / 4000 < 0.28


def chunk(place: int, title: str, text: str) -> RetrievedChunk:
    return RetrievedChunk(place, UUID(int=place), title, "", None, text, "", (), place, 1.0, 0.5, 1.0, None, None)


@pytest.mark.django_db
@settings(max_examples=60)
@given(
    titles=st.lists(st.integers(0, 40), min_size=1, max_size=6, unique=True),
    twins=st.sets(st.integers(0, 5), max_size=2),
    gold=st.integers(0, 5),
    refuses=st.booleans(),
)
def test_no_row_holds_a_word_of_a_document_held_out(
    titles: list[int], twins: set[int], gold: int, refuses: bool
) -> None:
    """Twins are open documents that say what one held out says."""
    secret = "o segredo do exame é a palavra quimera"
    chunks = []
    for place, number in enumerate(titles, start=1):
        title = f"Documento {number}"
        says_secret = is_held_out(title) or place - 1 in twins
        chunks.append(chunk(place, title, f"Aqui {secret if says_secret else f'consta o item {number}'}."))
    kept_from = Withheld(
        public=frozenset(each.document_id for each in chunks),
        texts=frozenset(digest(each.text) for each in chunks if is_held_out(each.title)),
    )
    answer = chunks[gold % len(chunks)]
    lesson = Lesson(
        id=f"review-{titles}",
        origin=Origin.REFUSAL if refuses else Origin.APPROVED,
        question="O que consta aqui?",
        at=timezone.now(),
        chunks=tuple(chunks),
        weights={},
        gold=frozenset() if refuses else frozenset({answer.chunk_id}),
        reply="" if refuses else f"{answer.text.rstrip('.')} [{answer.chunk_id}].",
        cites={each.chunk_id: each.chunk_id for each in chunks},
    )
    try:
        line = row_of(lesson.shown_under(kept_from), FORM).line
    except LeftOut:
        return
    held_out_text = any(is_held_out(each.title) for each in chunks)
    assert not (held_out_text and "quimera" in json.dumps(line, ensure_ascii=False))


@pytest.mark.django_db
class TestInstalled:
    @pytest.fixture(autouse=True)
    def _library(self) -> None:
        fill_library()

    def test_an_answer_from_a_document_held_out_is_asked_in_the_examination_and_not_taught(
        self, tmp_path: Path
    ) -> None:
        review = reviewed(answered(BUS, BUS_SAID, about="Horários"))
        golden = known("Quando sai o último ônibus?", "às 22h40", document="Horários")
        built = learn(tmp_path, review, golden, reviewed(answered()))
        assert left_out(built) == {"held_out": 2}
        assert HELD_OUT["Horários"] not in (built.path / "data.jsonl").read_text()
        asked = {question.id: question for question in examination_from(material(review, golden))}
        assert asked[f"review-{review.id}"].answers == (f"{BUS_SAID}.",)
        assert {question.group for question in asked.values()} == {"horarios"}
        assert asked[f"golden-{golden.id}"].answers == ("às 22h40",)

    def test_the_examination_asks_nothing_that_is_taught(self, tmp_path: Path) -> None:
        assert examination_from(material(reviewed(answered()), known("Quantos quilos?", "23 quilos"))) == ()

    def test_a_document_that_repeats_one_held_out_is_held_out_with_it(self, tmp_path: Path) -> None:
        Document.objects.filter(title="Bagagem").delete()
        fill_library({"Quadro": HELD_OUT["Horários"]})
        review = reviewed(answered(BUS, BUS_SAID, about="Quadro"))
        assert left_out(learn(tmp_path, review)) == {"held_out": 1}

    def test_what_the_examination_asks_is_not_taught_from_another_document_either(self, tmp_path: Path) -> None:
        fill_library({"Vinhos": "Pelo mapa novo o primeiro ônibus parte do terminal norte às 7h15 em ponto."})
        review = reviewed(answered(BUS, "O primeiro ônibus parte do terminal norte às 7h15 em ponto", about="Vinhos"))
        assert learn(tmp_path, review).rows == 1
        built = learn(tmp_path, review, known(BUS, "às 7h15", document="Horários"))
        assert left_out(built) == {"held_out": 2}

    def test_unanswerable_questions_are_split_by_their_own_words(self) -> None:
        questions = [f"Qual é a capital do país número {number}?" for number in range(40)]
        asked = examination_from(material(*(known(text, answerable=False) for text in questions)))
        assert 0 < len(asked) < 40
        assert {question.answerable for question in asked} == {False}
        assert all(is_held_out(question.text) for question in asked)
