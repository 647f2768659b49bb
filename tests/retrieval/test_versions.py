"""What a document said before is kept, compared and brought back, and goes when the document goes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from retrieval import storage
from retrieval.differences import Change, Difference, difference
from retrieval.documents import delete_document, set_groups
from retrieval.exceptions import VersionRefused
from retrieval.ingestion import ingest
from retrieval.models import Document, DocumentVersion
from retrieval.restoring import restore_version
from retrieval.results import SearchScope
from retrieval.search import retrieve
from retrieval.versions import KEPT, KEPT_FOR, drop_old_versions

BringIn = Callable[..., Path]
CASA = SearchScope("casa")
LONG = "Quem reserva pela internet recebe a confirmação por e-mail em poucos minutos. " * 3
MANUAL = f"# Manual\n\n## Preços\n\nO passeio custa {{}} euros. {LONG}\n\n## Horários\n\nSai às oito e meia. {LONG}"


@pytest.fixture
def manual(bring_in: BringIn) -> Document:
    """Its third version."""
    for price in (95, 97, 99):
        bring_in("manual.md", MANUAL.format(price))
    return Document.objects.get()


def test_a_replaced_document_keeps_what_it_said_and_counts(manual: Document) -> None:
    assert manual.version == 3
    versions = list(manual.versions.order_by("number"))
    assert [version.number for version in versions] == [1, 2]
    assert "95 euros" in versions[0].text
    assert "97 euros" in versions[1].text
    assert versions[0].sha256 != versions[1].sha256 != manual.sha256
    assert versions[0].size_bytes == len(MANUAL.format(95).encode())
    assert versions[0].stored_at < versions[0].replaced_at


def test_a_search_finds_the_newest_only_and_says_which_version_it_is(manual: Document) -> None:
    found = retrieve("quanto custa o passeio", scope=CASA)
    assert {hit.document_version for hit in found.candidates} == {3}
    assert not any("95" in hit.text or "97" in hit.text for hit in found.candidates)


def test_a_restored_version_is_found_and_cited_as_it_was(manual: Document) -> None:
    assert manual.chunks.count() == 2
    before = [(c.start, c.end, c.section, c.page, c.text) for c in manual.chunks.order_by("ordinal")]
    set_groups(manual.pk, ["rh"], tenant="casa")
    restore_version(manual.pk, 1, tenant="casa")
    manual.refresh_from_db()
    after = [(c.start, c.end, c.section, c.page, c.text) for c in manual.chunks.order_by("ordinal")]
    assert after == [(*place, text.replace("99", "95")) for *place, text in before]
    assert (manual.version, manual.groups) == (4, ["rh"])
    assert "99 euros" in manual.versions.get(number=3).text
    found = retrieve("quanto custa o passeio", scope=SearchScope("casa", groups=("rh",))).selected[0]
    assert "95 euros" in found.text
    assert found.section.endswith("Preços")


def test_a_version_whose_words_are_another_document_by_now_is_not_restored(manual: Document, bring_in: BringIn) -> None:
    bring_in("copia.md", MANUAL.format(95))
    with pytest.raises(VersionRefused, match="Outro documento"):
        restore_version(manual.pk, 1, tenant="casa")
    assert Document.objects.count() == 2
    assert Document.objects.get(pk=manual.pk).version == 3


def test_a_version_that_is_gone_or_of_another_tenant_is_not_restored(manual: Document) -> None:
    for number, tenant in ((9, "casa"), (1, "outra")):
        with pytest.raises(VersionRefused, match="não está mais guardada"):
            restore_version(manual.pk, number, tenant=tenant)


def test_restoring_that_fails_leaves_the_present_version_serving(
    manual: Document, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(storage, "_write_embeddings", broken)
    with pytest.raises(OSError, match="disk full"):
        restore_version(manual.pk, 1, tenant="casa")
    manual.refresh_from_db()
    assert manual.version == 3
    assert manual.versions.count() == 2
    assert "99 euros" in retrieve("quanto custa o passeio", scope=CASA).selected[0].text


def test_versions_are_kept_up_to_a_number(bring_in: BringIn) -> None:
    for price in range(KEPT + 4):
        bring_in("manual.md", MANUAL.format(price))
    numbers = list(DocumentVersion.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(4, KEPT + 4))


def test_versions_are_kept_up_to_an_age(manual: Document) -> None:
    now = timezone.now()
    manual.versions.filter(number=1).update(replaced_at=now - KEPT_FOR - timedelta(seconds=1))
    assert drop_old_versions(now) == 1
    assert [version.number for version in manual.versions.all()] == [2]


def test_a_deleted_document_leaves_no_version_behind(manual: Document) -> None:
    delete_document(manual.pk, tenant="casa")
    assert not DocumentVersion.objects.exists()


def test_the_same_bytes_again_are_no_version(manual: Document, bring_in: BringIn, tmp_path: Path) -> None:
    ingest([tmp_path / "manual.md"], tenant="casa")
    manual.refresh_from_db()
    assert (manual.version, manual.versions.count()) == (3, 2)


def marked(found: Difference) -> list[list[tuple[str, str]]]:
    return [[(piece.change.value, piece.text) for piece in line.pieces] for line in found.lines]


def test_a_difference_marks_words_within_a_line_and_counts_what_stayed() -> None:
    before = "um\ndois\ntrês\nO passeio custa 95 euros por pessoa.\nquatro\ncinco\nseis"
    found = difference(before, before.replace("95", "98").replace("seis", "sete"))
    assert marked(found) == [
        [],
        [("same", "três")],
        [("same", "O passeio custa "), ("removed", "95"), ("added", "98"), ("same", " euros por pessoa.")],
        [("same", "quatro")],
        [("same", "cinco")],
        [("removed", "seis")],
        [("added", "sete")],
    ]
    assert found.lines[0].count == 2


def test_texts_that_say_the_same_differ_nowhere() -> None:
    assert difference("um\n\ndois", "um\ndois  ").is_none


def test_a_difference_without_end_is_cut() -> None:
    assert difference("\n".join(map(str, range(5000))), "\n".join(map(str, range(5000, 10000)))).is_cut


LINES = st.lists(st.sampled_from(["um", "dois", "três e mais", "três e menos", "fim"]), max_size=12)


@given(old=LINES, new=LINES)
def test_a_difference_loses_and_invents_no_line(old: list[str], new: list[str]) -> None:
    lines = difference("\n".join(old), "\n".join(new)).lines
    skipped = sum(line.count for line in lines)
    for text, other in ((old, Change.ADDED), (new, Change.REMOVED)):
        kept = ["".join(piece.text for piece in line.pieces if piece.change is not other) for line in lines]
        said = [line for line in kept if line]
        assert len(said) + skipped == len(text)
        assert _is_within(said, text)


def _is_within(few: list[str], all_: list[str]) -> bool:
    remaining = iter(all_)
    return all(line in remaining for line in few)
