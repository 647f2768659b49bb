"""What this room's migrations changed can be taken back, with documents in place, and done again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from django.core.management import call_command
from django.db import connection

from retrieval.ingestion import ingest_text
from retrieval.models import Document
from retrieval.results import SearchScope
from retrieval.search import retrieve
from tests.retrieval.conftest import WordEmbedder

BEFORE = "0002"  # crawling, freshness, generations and golden questions came after


@pytest.fixture
def _the_newest_tables_afterwards(transactional_db: None) -> Iterator[None]:
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.usefixtures("_the_newest_tables_afterwards")
def test_documents_outlive_going_back_before_their_dates_and_returning(word_embedder: WordEmbedder) -> None:
    for title, text in {"Sintra": "O passeio de Sintra custa 98 euros.", "Óbidos": "Óbidos fica a uma hora."}.items():
        ingest_text(title, text, tenant="default", groups=["vendas"])
    ingest_text("Sintra", "O passeio de Sintra custa 99 euros.", tenant="default", groups=["vendas"])
    Document.objects.filter(title="Sintra").update(valid_from=date(2020, 1, 1), valid_until=date(2099, 1, 1))

    call_command("migrate", "retrieval", BEFORE, verbosity=0)
    shelves = "SELECT count(DISTINCT shelf_id) FROM {}"
    for table in ("retrieval_document", "retrieval_posting", "retrieval_embedding"):
        assert _one(shelves.format(table)) == 1, table  # they differed by their dates alone
    assert _one("SELECT count(*) FROM retrieval_shelf WHERE groups = '{vendas}'") == 1

    call_command("migrate", "retrieval", verbosity=0)
    found = retrieve("Quanto custa Sintra?", scope=SearchScope("default", groups=("vendas",)))
    assert {hit.text for hit in found.selected} == {
        "O passeio de Sintra custa 99 euros.",
        "Óbidos fica a uma hora.",
    }
    assert not retrieve("Quanto custa Sintra?", scope=SearchScope("default", groups=())).selected
    Document.objects.filter(title="Sintra").update(valid_until=date(2021, 1, 1))
    found = retrieve("Quanto custa Sintra?", scope=SearchScope("default", groups=("vendas",)))
    assert [hit.title for hit in found.selected] == ["Óbidos"]


def _one(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return int(cursor.fetchone()[0])
