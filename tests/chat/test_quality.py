"""How well golden questions find their passages, and what staff's judgements change about it."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth.models import User

from chat.golden import quality
from retrieval.exceptions import PassageGone
from retrieval.ingestion import ingest_text
from retrieval.judgements import judge, judged
from retrieval.models import Chunk, GoldenQuestion, RetrievalMetric
from tests.retrieval.conftest import WordEmbedder, word_embedder

__all__ = ["word_embedder"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder")]
TENANT, DAY = "default", date(2026, 11, 23)
QUESTION = "Quanto custa o passeio de Sintra?"


@pytest.fixture(autouse=True)
def documents(word_embedder: WordEmbedder) -> None:
    for name, text in {
        "Sintra": "O passeio de Sintra custa 98 euros.",
        "Fado": "A noite de fado custa 74 euros.",
    }.items():
        ingest_text(name, text, tenant=TENANT)


def golden(question: str = QUESTION, **fields: object) -> GoldenQuestion:
    given = {"document": "Sintra", "passage": "O passeio de Sintra custa 98 euros.", "answers": ["98 euros"]} | fields
    return GoldenQuestion.objects.create(tenant=TENANT, question=question, answerable=True, **given)


def chunk_of(title: str) -> int:
    return Chunk.objects.get(document__title=title).pk


def test_a_day_has_its_figures_with_their_count() -> None:
    golden()
    golden("Qual o preço da noite de fado?", document="Fado", passage="A noite de fado custa 74 euros.")
    row = quality.measure(DAY)
    assert row is not None
    assert (row.questions, row.ndcg_at_10, row.mrr, row.r_at_8) == (2, 1.0, 1.0, 1.0)
    assert row.intervals["ndcg_at_10"] == [1.0, 1.0]


def test_measured_twice_a_day_keeps_the_last() -> None:
    golden()
    quality.measure(DAY)
    golden("E o fado?", document="Sintra")
    quality.measure(DAY)
    assert RetrievalMetric.objects.get().questions == 2


def test_without_a_passage_that_is_installed_nothing_is_measured() -> None:
    golden(document="Nada", passage="Nada.")
    assert quality.measure(DAY) is None
    assert not RetrievalMetric.objects.exists()


def test_a_passage_judged_relevant_makes_a_question_golden_and_counts() -> None:
    judge(QUESTION, chunk_of("Sintra"), relevant=True, tenant=TENANT, by=_staff())
    assert [known.gold for known in quality.known_questions()] == [{chunk_of("Sintra")}]
    assert GoldenQuestion.objects.get().origin == GoldenQuestion.Origin.STAFF


def test_a_passage_judged_irrelevant_counts_no_more() -> None:
    golden(passage="", document="Sintra")
    judge(QUESTION, chunk_of("Sintra"), relevant=False, tenant=TENANT, by=_staff())
    assert quality.known_questions() == ()


def test_the_last_word_on_a_passage_holds_and_is_shown() -> None:
    for relevant in (False, True):
        judge(QUESTION, chunk_of("Fado"), relevant=relevant, tenant=TENANT, by=_staff())
    text = Chunk.objects.get(document__title="Fado").text
    assert judged(QUESTION, [text, "outro"], tenant=TENANT) == {text: True}


def test_a_judgement_holds_for_the_passage_when_its_document_is_read_again() -> None:
    judge(QUESTION, chunk_of("Sintra"), relevant=True, tenant=TENANT, by=_staff())
    before = chunk_of("Sintra")
    ingest_text("Sintra", "O passeio de Sintra custa 98 euros.\n\nAlmoço à parte.", tenant=TENANT)
    assert chunk_of("Sintra") != before
    assert [known.gold for known in quality.known_questions()] == [{chunk_of("Sintra")}]


def test_a_passage_that_is_gone_cannot_be_judged() -> None:
    with pytest.raises(PassageGone):
        judge(QUESTION, 10**9, relevant=True, tenant=TENANT, by=_staff())
    assert not GoldenQuestion.objects.exists()


def _staff() -> int:

    return User.objects.get_or_create(username="ana", is_staff=True)[0].pk
