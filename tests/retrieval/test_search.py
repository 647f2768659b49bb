from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import OperationalError

from retrieval import bm25, candidates, search
from retrieval.documents import delete_document, set_groups
from retrieval.exceptions import EmbeddingFailed, SearchFailed
from retrieval.explanation import explain
from retrieval.ingestion import ingest_text
from retrieval.models import Chunk, Document
from retrieval.results import Hidden, Retrieval, SearchScope, SearchSettings, SearchTimings
from retrieval.search import retrieve
from retrieval.text import tokens

pytestmark = [pytest.mark.django_db]
BringIn = Callable[..., Path]
CASA = SearchScope("casa")
EVERYONE = replace(CASA, groups=None)
TEXTS = {
    "cancelamento.txt": "O cancelamento até 48 horas antes devolve tudo. Depois disso cobramos metade.",
    "bagagem.txt": "Malas grandes ficam no guarda-volumes do escritório por cinco euros ao dia.",
    "criancas.txt": "Crianças até três anos não pagam. O cancelamento por febre da criança é grátis.",
    "clima.txt": "Chuva comum não interrompe o passeio. Emprestamos capas e guarda-chuvas.",
}


@pytest.fixture
def house(bring_in: BringIn) -> None:
    for name, text in TEXTS.items():
        bring_in(name, text)


def titles(retrieval: Retrieval) -> list[str]:
    return [hit.title for hit in retrieval.selected]


def essence(retrieval: Retrieval) -> Retrieval:
    return replace(retrieval, timings=SearchTimings(0, 0, 0, 0))


@pytest.mark.usefixtures("house")
def test_the_passage_that_answers_comes_first() -> None:
    found = retrieve("Posso fazer cancelamento 48 horas antes?", scope=CASA)
    assert found.selected[0].title == "Cancelamento"
    assert found.chunk_count == 4
    assert [hit.rank for hit in found.candidates] == [1, 2, 3, 4]
    assert found.selected[0].dense_rank == found.selected[0].text_rank == 1


@pytest.mark.usefixtures("house")
@pytest.mark.parametrize(("with_accents", "without"), [("crianças", "criancas"), ("CHUVA À NOITE", "chuva a noite")])
def test_accents_and_case_change_nothing_in_the_text_scores(with_accents: str, without: str) -> None:
    first, second = retrieve(with_accents, scope=CASA), retrieve(without, scope=CASA)
    assert [(h.chunk_id, h.text_score) for h in first.candidates] == [
        (h.chunk_id, h.text_score) for h in second.candidates
    ]
    assert first.terms == second.terms


@pytest.mark.usefixtures("house")
def test_what_is_hidden_is_as_if_it_had_been_deleted() -> None:
    question = "cancelamento para crianças com chuva"
    victim = Document.objects.get(title="Cancelamento")
    hidden = Hidden(document_ids=frozenset({victim.pk}))
    chunk_hidden = Hidden(chunk_ids=frozenset(victim.chunks.values_list("pk", flat=True)))
    with_document_hidden = essence(retrieve(question, scope=CASA, hidden=hidden))
    with_chunk_hidden = essence(retrieve(question, scope=CASA, hidden=chunk_hidden))
    before = essence(retrieve(question, scope=CASA))
    delete_document(victim.pk, tenant="casa")
    deleted = essence(retrieve(question, scope=CASA))
    assert with_document_hidden == with_chunk_hidden == deleted != before


@pytest.mark.usefixtures("house")
def test_hiding_twice_counts_once() -> None:
    victim = Document.objects.get(title="Cancelamento")
    both = Hidden(frozenset({victim.pk}), frozenset(victim.chunks.values_list("pk", flat=True)))
    assert retrieve("cancelamento", scope=CASA, hidden=both).chunk_count == 3


@pytest.mark.usefixtures("house")
def test_a_closed_document_does_not_exist_for_who_may_not_see_it() -> None:
    closed = Document.objects.get(title="Cancelamento")
    set_groups(closed.pk, ["rh", "chefia"], tenant="casa")
    question = "cancelamento 48 horas"
    assert "Cancelamento" not in titles(retrieve(question, scope=CASA))
    assert "Cancelamento" not in titles(retrieve(question, scope=replace(CASA, groups=("vendas",))))
    assert titles(retrieve(question, scope=replace(CASA, groups=("rh",))))[0] == "Cancelamento"
    assert titles(retrieve(question, scope=EVERYONE))[0] == "Cancelamento"
    unseen = essence(retrieve(question, scope=CASA))
    delete_document(closed.pk, tenant="casa")
    assert essence(retrieve(question, scope=CASA)) == unseen


@pytest.mark.usefixtures("house")
def test_another_tenant_or_collection_finds_nothing() -> None:
    assert retrieve("cancelamento", scope=SearchScope("outra")).selected == ()
    assert retrieve("cancelamento", scope=SearchScope("casa", ("rascunho",))).selected == ()


@pytest.mark.usefixtures("house")
def test_several_collections_are_searched_together() -> None:
    ingest_text("Anexo", "Reembolso de cancelamento em dez dias.", tenant="casa", collection="anexos")
    found = retrieve("reembolso", scope=SearchScope("casa", ("main", "anexos")))
    assert found.chunk_count == 5
    assert found.selected[0].title == "Anexo"


def test_an_empty_installation_finds_nothing(db: None) -> None:
    found = retrieve("qualquer coisa", scope=CASA)
    assert (found.selected, found.candidates, found.chunk_count) == ((), (), 0)
    assert [term.idf for term in found.terms] == [0.0, 0.0]


@pytest.mark.usefixtures("house")
def test_a_question_without_known_words_is_found_by_meaning_alone() -> None:
    found = retrieve("xyzzy!", scope=CASA)
    assert len(found.selected) == 4
    assert all(hit.text_score == 0 and hit.text_rank is None for hit in found.candidates)
    assert [term.idf for term in found.terms] == [0.0]


@pytest.mark.usefixtures("house")
def test_a_question_is_data() -> None:
    for question in ["'; DROP TABLE retrieval_chunk; --", "%s %(x)s", "a\0b", "{}", "\\"]:
        retrieve(question, scope=CASA)
    assert Chunk.objects.count() == 4


@pytest.mark.usefixtures("house")
def test_text_scores_are_bm25_to_the_last_digit() -> None:
    found = retrieve("cancelamento da criança até 48 horas", scope=CASA)
    documents = {hit.chunk_id: Counter(tokens(f"{hit.title}\n{hit.text}")) for hit in found.candidates}
    mean_length = sum(counts.total() for counts in documents.values()) / 4
    for hit in found.candidates:
        counts = documents[hit.chunk_id]
        length = 1 - bm25.B + bm25.B * counts.total() / mean_length
        expected = sum(
            t.idf * counts[t.term] * (bm25.K1 + 1) / (counts[t.term] + bm25.K1 * length) for t in found.terms
        )
        assert hit.text_score == pytest.approx(expected, rel=1e-12)
    frequency = sum(1 for counts in documents.values() if counts["cancel"])
    assert {t.term: t.idf for t in found.terms}["cancel"] == bm25.idf(frequency, 4)


@pytest.mark.usefixtures("house")
def test_the_index_finds_what_comparing_everything_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = essence(retrieve("chuva no passeio", scope=CASA))
    monkeypatch.setattr(candidates, "EXACT_UP_TO", 0)
    assert essence(retrieve("chuva no passeio", scope=CASA)) == exact


@pytest.mark.usefixtures("house")
def test_the_sizes_are_kept() -> None:
    settings = SearchSettings(dense_candidates=1, text_candidates=1, top_k=1)
    found = retrieve("malas no guarda-volumes", scope=CASA, settings=settings)
    assert len(found.selected) == 1
    assert len(found.candidates) <= 2


@pytest.mark.usefixtures("house")
def test_an_explanation_tells_every_rank() -> None:
    explanation = explain(retrieve("cancelamento", scope=CASA), CASA)
    first = explanation["candidates"][0]  # type: ignore[index]  # plain JSON values
    assert (first["dense_rank"], first["text_rank"], first["fused_rank"], first["mmr_rank"]) == (1, 1, 1, 1)


@pytest.mark.usefixtures("house")
def test_a_database_that_does_not_answer_is_a_typed_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: object) -> None:
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(search, "gather_statistics", gone)
    with pytest.raises(SearchFailed):
        retrieve("cancelamento", scope=CASA)


def test_an_unknown_embedder_is_named(db: None, settings: object) -> None:
    settings.AION_EMBEDDER = "magia:negra"  # type: ignore[attr-defined]  # pytest-django's settings
    with pytest.raises(EmbeddingFailed, match="magia:negra"):
        ingest_text("T", "Texto.", tenant="casa")
