"""The search page, judgements made on it, and the quality of the search by day."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import reverse

from chat import tasks
from retrieval.ingestion import ingest_text
from retrieval.models import Chunk, GoldenQuestion, Judgement, RetrievalMetric
from tests.retrieval.conftest import WordEmbedder, word_embedder

__all__ = ["word_embedder"]
pytestmark = pytest.mark.django_db
QUESTION = "Quanto custa Sintra?"


@pytest.fixture
def documents(word_embedder: WordEmbedder) -> None:
    ingest_text("Sintra", "O passeio de Sintra custa 98 euros.", tenant="default")
    ingest_text("Folha", "O salário do guia é sigiloso.", tenant="default", groups=["rh"])


def searched(client: Client, **asked: str) -> str:
    return client.get(reverse("admin:panel_search"), {"q": QUESTION} | asked).content.decode()


@pytest.mark.usefixtures("documents")
def test_it_shows_what_is_found_and_why(owning: Client) -> None:
    page = searched(owning)
    for text in (
        "O passeio de Sintra custa 98 euros.",
        "escolhido, posição 1",
        "por sentido",
        "Busca inteira",
        "sintr",
    ):
        assert text in page


@pytest.mark.usefixtures("documents")
def test_it_searches_as_a_member_of_a_group_would(owning: Client) -> None:
    Group.objects.create(name="vendas")
    assert "sigiloso" in searched(owning, q="salário")
    assert "sigiloso" in searched(owning, q="salário", group="rh")
    assert "sigiloso" not in searched(owning, q="salário", group="vendas")
    assert "sigiloso" not in searched(owning, q="salário", group="-")


def test_without_documents_it_says_what_to_do(owning: Client) -> None:
    assert reverse("admin:retrieval_ingestjob_add") in owning.get(reverse("admin:panel_search")).content.decode()


@pytest.mark.usefixtures("documents")
def test_a_passage_judged_there_belongs_to_a_golden_question_and_stays_marked(owning: Client) -> None:
    chunk = Chunk.objects.get(document__title="Sintra")
    press = {"q": QUESTION, "group": "rh", "collection": "main", "chunk_id": chunk.pk, "relevant": "1"}
    back = owning.post(reverse("admin:panel_search"), press)["Location"]
    assert "group=rh" in back
    judgement = Judgement.objects.get()
    assert (judgement.question.question, judgement.passage, judgement.relevant) == (QUESTION, chunk.text, True)
    assert 'aria-pressed="true"' in owning.get(back).content.decode()


@pytest.mark.usefixtures("documents")
def test_who_may_only_see_documents_searches_and_does_not_judge(staff_with: Callable[..., Client]) -> None:
    client = staff_with("retrieval.view_document")
    assert 'name="relevant"' not in searched(client)
    chunk = Chunk.objects.get(document__title="Sintra")
    press = {"q": QUESTION, "chunk_id": chunk.pk, "relevant": "1"}
    assert client.post(reverse("admin:panel_search"), press).status_code == 403
    assert not GoldenQuestion.objects.exists()


def test_without_that_right_there_is_no_search(staff_with: Callable[..., Client]) -> None:
    client = staff_with()
    assert client.get(reverse("admin:panel_search")).status_code == 403
    assert client.get(reverse("admin:panel_search_quality")).status_code == 403


def test_the_quality_is_drawn_by_day_with_its_interval(owning: Client) -> None:
    address = reverse("admin:panel_search_quality")
    assert "Nada foi medido ainda." in owning.get(address).content.decode()
    for number, ndcg in enumerate((0.7, 0.9)):
        RetrievalMetric.objects.create(
            tenant="default",
            day=date(2026, 11, 20) + timedelta(days=number),
            questions=40,
            ndcg_at_10=ndcg,
            mrr=0.8,
            r_at_8=0.95,
            intervals={"ndcg_at_10": [ndcg - 0.1, ndcg + 0.05], "mrr": None, "r_at_8": None},
        )
    page = owning.get(address).content.decode()
    assert 'points="0.0,66.0 600.0,22.0"' in page
    assert "0,90 (0,80–0,95)" in page
    assert page.count("abaixo do limite") == 1


def test_it_is_measured_by_a_worker(owning: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(tasks.measure_retrieval, "delay", lambda: sent.append("now"))
    owning.post(reverse("admin:panel_search_quality"))
    assert sent == ["now"]


@pytest.mark.usefixtures("documents")
def test_the_task_keeps_the_figures_of_today() -> None:
    tasks.measure_retrieval()
    assert not RetrievalMetric.objects.exists()
    GoldenQuestion.objects.create(tenant="default", question=QUESTION, document="Sintra", answerable=True)
    tasks.measure_retrieval()
    assert RetrievalMetric.objects.get().ndcg_at_10 == 1.0
