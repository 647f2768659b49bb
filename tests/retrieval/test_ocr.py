"""Scanned PDFs, with Tesseract and without."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from retrieval.ingestion import DocumentOutcome, Status, ingest
from retrieval.models import Document
from retrieval.parsing import ocr
from tests.retrieval import files

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder")]
RULE = "O passageiro pode cancelar\nsem custo na segunda-feira."
needs_tesseract = pytest.mark.skipif(
    not ocr.is_installed(), reason="Tesseract with Portuguese (tesseract-ocr, tesseract-ocr-por) is not installed"
)


@pytest.fixture
def no_tesseract(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A PATH without it; undone within a test it is as if it were installed."""
    empty = tmp_path / "bin"
    empty.mkdir()
    monkeypatch.setenv("PATH", str(empty))
    assert shutil.which("tesseract") is None
    return monkeypatch


def scan(folder: Path, *pages: str) -> Path:
    path = folder / "escaneado.pdf"
    path.write_bytes(files.scanned_pdf(*pages or [RULE]))
    return path


def brought_in(path: Path) -> DocumentOutcome:
    (outcome,) = ingest([path], tenant="casa").documents
    return outcome


@needs_tesseract
def test_a_scanned_page_is_read_in_portuguese_and_keeps_its_number(tmp_path: Path) -> None:
    outcome = brought_in(scan(tmp_path))
    assert (outcome.status, outcome.code, outcome.reason) == (Status.STORED, "", "")
    chunk = Document.objects.get().chunks.get()
    assert chunk.page == 1
    assert "O passageiro pode cancelar sem custo na segunda-feira." in chunk.text


@pytest.mark.usefixtures("no_tesseract")
def test_without_tesseract_a_scan_is_kept_and_says_what_it_needs(tmp_path: Path) -> None:
    path = scan(tmp_path)
    outcome = brought_in(path)
    document = Document.objects.get()
    assert (outcome.status, outcome.code, outcome.chunks) == (Status.STORED, "needs_ocr", 0)
    assert "Tesseract" in outcome.reason
    assert (document.state, document.error, document.chunk_count) == ("needs_ocr", outcome.reason, 0)
    again = brought_in(path)
    assert (again.status, again.code, again.reason) == (Status.UNCHANGED, "needs_ocr", outcome.reason)


@pytest.mark.usefixtures("no_tesseract")
def test_of_a_manual_with_one_scanned_page_the_rest_is_found(tmp_path: Path) -> None:
    path = tmp_path / "misto.pdf"
    path.write_bytes(files.joined_pdf(files.pdf("Venha cedo, por favor."), files.scanned_pdf(RULE)))
    outcome = brought_in(path)
    assert (outcome.chunks, outcome.code) == (1, "needs_ocr")
    assert "lidas: 2." in outcome.reason


@pytest.mark.usefixtures("no_tesseract")
def test_a_page_that_is_blank_needs_no_ocr(tmp_path: Path) -> None:
    path = tmp_path / "capa.pdf"
    path.write_bytes(files.pdf("", "Texto da segunda página."))
    assert brought_in(path).code == ""


@needs_tesseract
def test_once_tesseract_is_there_the_same_file_becomes_ready(tmp_path: Path, no_tesseract: pytest.MonkeyPatch) -> None:
    path = scan(tmp_path)
    brought_in(path)
    before = Document.objects.get()
    no_tesseract.undo()
    copy = tmp_path / "enviado-de-novo.pdf"
    copy.write_bytes(path.read_bytes())
    outcome = brought_in(copy)
    after = Document.objects.get()
    assert (outcome.status, outcome.code) == (Status.REPLACED, "")
    assert (after.pk, after.source, after.state, after.error) == (before.pk, before.source, "ready", "")
    assert after.chunk_count == 1
