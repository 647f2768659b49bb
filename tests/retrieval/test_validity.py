"""A document is found from its first to its last day, exactly, by meaning, by words and in what is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from chat.suggestions import suggested_questions
from retrieval.documents import delete_document, set_validity
from retrieval.ingestion import ingest, ingest_text
from retrieval.models import Document, Shelf
from retrieval.results import Retrieval, SearchScope, SearchTimings
from retrieval.search import retrieve
from retrieval.validity import SOON, Validity, documents_that_are, today, valid_today, validity

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder")]
BringIn = Callable[..., Path]
CASA = SearchScope("casa")
QUESTION = "quanto custa o passeio no inverno"
LAST = date(2026, 8, 31)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


def essence(retrieval: Retrieval) -> Retrieval:
    return replace(retrieval, timings=SearchTimings(0, 0, 0, 0))


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[[datetime], None]:
    return lambda moment: monkeypatch.setattr(timezone, "now", lambda: moment)


@pytest.fixture
def prices(bring_in: BringIn) -> Document:
    bring_in("inverno.txt", "O passeio custa 80 euros no inverno.")
    bring_in("verao.txt", "O passeio custa 95 euros no verão.")
    bring_in("clima.txt", "Chuva comum não interrompe o passeio.")
    return Document.objects.get(title="Inverno")


def test_it_is_found_to_the_last_second_of_its_last_day_here_and_not_after(
    prices: Document, at: Callable[[datetime], None]
) -> None:
    set_validity(prices.pk, None, LAST, tenant="casa")
    midnight = datetime(2026, 9, 1, tzinfo=SAO_PAULO)
    at(midnight - timedelta(microseconds=1))  # in UTC the next day is three hours old
    assert retrieve(QUESTION, scope=CASA).selected[0].title == "Inverno"
    at(midnight)
    with timezone.override("America/Los_Angeles"):  # a person's own time zone changes nothing
        assert "Inverno" not in {hit.title for hit in retrieve(QUESTION, scope=CASA).candidates}


def test_it_is_found_from_the_first_second_of_its_first_day(prices: Document, at: Callable[[datetime], None]) -> None:
    set_validity(prices.pk, LAST, None, tenant="casa")
    midnight = datetime(2026, 8, 31, tzinfo=SAO_PAULO)
    at(midnight - timedelta(microseconds=1))
    assert retrieve(QUESTION, scope=CASA).chunk_count == 2
    at(midnight)
    assert retrieve(QUESTION, scope=CASA).chunk_count == 3


def test_an_expired_document_is_to_a_search_as_if_it_had_been_deleted(prices: Document) -> None:
    before = essence(retrieve(QUESTION, scope=CASA))
    set_validity(prices.pk, None, today() - timedelta(days=1), tenant="casa")
    expired = essence(retrieve(QUESTION, scope=CASA))
    delete_document(prices.pk, tenant="casa")
    assert expired == essence(retrieve(QUESTION, scope=CASA)) != before
    assert expired.terms != before.terms  # its words count for nothing
    assert (expired.chunk_count, before.chunk_count) == (2, 3)


def test_dates_taken_away_bring_it_back_as_it_was(prices: Document) -> None:
    before = essence(retrieve(QUESTION, scope=CASA))
    set_validity(prices.pk, None, today() - timedelta(days=1), tenant="casa")
    set_validity(prices.pk, None, None, tenant="casa")
    assert essence(retrieve(QUESTION, scope=CASA)) == before


def test_dates_that_are_alike_share_a_shelf_and_none_is_a_value_too(prices: Document) -> None:
    for document in Document.objects.all():
        set_validity(document.pk, None, LAST, tenant="casa")
    assert set(Document.objects.values_list("shelf__valid_until", flat=True)) == {LAST}
    assert Shelf.objects.filter(valid_until=LAST).count() == 1
    assert Shelf.objects.filter(valid_until=None).count() == 1


def test_new_bytes_of_a_file_keep_its_dates(prices: Document, tmp_path: Path) -> None:
    set_validity(prices.pk, None, LAST, tenant="casa")
    (tmp_path / "inverno.txt").write_text("O passeio custa 82 euros no inverno.")
    ingest([tmp_path / "inverno.txt"], tenant="casa")
    prices.refresh_from_db()
    assert (prices.valid_until, prices.version) == (LAST, 2)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM retrieval_embedding WHERE document_id = %s AND shelf_id = %s",
            [prices.pk, prices.shelf_id],
        )
        assert cursor.fetchone()[0] == prices.chunk_count


def test_no_document_ends_before_it_begins(prices: Document) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        set_validity(prices.pk, LAST, LAST - timedelta(days=1), tenant="casa")


def test_what_expired_is_not_suggested() -> None:
    outcome = ingest_text("Promoção", "Desconto de inverno.", tenant="default")
    assert outcome.document_id is not None
    assert suggested_questions(groups=None) == ["O que diz o documento “Promoção”?"]
    set_validity(outcome.document_id, None, today() - timedelta(days=1))
    assert suggested_questions(groups=None) == []


@pytest.mark.parametrize(
    ("first", "last", "named"),
    [
        (None, None, Validity.VALID),
        (0, SOON.days + 1, Validity.VALID),
        (0, SOON.days, Validity.ENDING),
        (-9, 0, Validity.ENDING),
        (None, -1, Validity.EXPIRED),
        (1, 2, Validity.COMING),
        (1, None, Validity.COMING),
    ],
)
def test_lists_and_badges_name_a_document_alike(
    prices: Document, first: int | None, last: int | None, named: Validity
) -> None:
    days = [None if day is None else today() + timedelta(days=day) for day in (first, last)]
    set_validity(prices.pk, days[0], days[1], tenant="casa")
    assert validity(days[0], days[1], today()) is named
    listed = {name for name in Validity if Document.objects.filter(documents_that_are(name, today()), pk=prices.pk)}
    assert listed == ({Validity.VALID, named} if named is Validity.ENDING else {named})
    is_found = "Inverno" in {hit.title for hit in retrieve(QUESTION, scope=CASA).candidates}
    assert is_found is valid_today().filter(pk=prices.pk).exists() is (named in (Validity.VALID, Validity.ENDING))
