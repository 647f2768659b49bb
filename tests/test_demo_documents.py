"""The demo's documents are many, mixed, distinct, and agree with their sources."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from itertools import combinations
from pathlib import Path

import pytest
from pypdf import PdfReader

from demo.build_documents import DOCUMENTS, SOURCES, WRITTEN_AT, build
from demo.document_text import document_paths, document_text

FiveGrams = set[tuple[str, ...]]


def five_grams(text: str) -> FiveGrams:
    """Runs of five words, without case, accents or punctuation."""
    letters = unicodedata.normalize("NFKD", text.lower())
    words = re.findall(r"\w+", "".join(char for char in letters if not unicodedata.combining(char)))
    return set(zip(*(words[start:] for start in range(5)), strict=False))


def overlap(one: FiveGrams, other: FiveGrams) -> float:
    """The share of the smaller set that the other holds too."""
    return len(one & other) / min(len(one), len(other))


def test_there_are_at_least_25_documents_in_at_least_5_formats() -> None:
    paths = document_paths()
    assert len(paths) >= 25
    assert len({path.suffix for path in paths}) >= 5


@pytest.mark.parametrize("path", document_paths(), ids=lambda path: path.name)
def test_a_document_has_something_to_say(path: Path) -> None:
    assert len(document_text(path).split()) >= 150


def test_no_two_documents_share_more_than_a_fifth_of_their_five_grams() -> None:
    grams = {path.name: five_grams(document_text(path)) for path in document_paths()}
    too_close = {(one, other) for one, other in combinations(grams, 2) if overlap(grams[one], grams[other]) > 0.20}
    assert not too_close


def test_the_overlap_of_a_copy_is_whole_and_of_a_stranger_none() -> None:
    tour = five_grams("A van parte às 8h30 da praça")
    assert overlap(tour, five_grams("a VAN parte as 8h30, da Praca!")) == 1
    assert overlap(tour, five_grams("O gato dorme no sofá da sala")) == 0


def test_the_manual_has_several_pages_with_headings() -> None:
    manual = PdfReader(DOCUMENTS / "manual-do-passageiro.pdf")
    assert len(manual.pages) >= 3
    _title, chapters = manual.outline
    assert isinstance(chapters, list)
    assert len(chapters) >= 6


def test_built_documents_say_what_their_sources_say(tmp_path: Path) -> None:
    rebuilt = build(tmp_path)
    assert len(rebuilt) == len(list(SOURCES.iterdir()))
    for path in rebuilt:
        assert document_text(path) == document_text(DOCUMENTS / path.name), path.name


def test_built_files_carry_the_fixed_date_and_never_that_of_the_build(tmp_path: Path) -> None:
    for path in build(tmp_path):
        if path.suffix == ".pdf":
            metadata = PdfReader(path).metadata
            assert metadata is not None
            assert metadata.creation_date == WRITTEN_AT
            continue
        with zipfile.ZipFile(path) as archive:
            assert {member.date_time for member in archive.infolist()} == {WRITTEN_AT.timetuple()[:6]}, path.name
            stamps = re.findall(rb"<dcterms:\w+[^>]*>([^<]*)", archive.read("docProps/core.xml"))
        assert set(stamps) == {WRITTEN_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode()}, path.name
