"""Watched folders on a real disk and a real database: what changed comes in, what is gone goes, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from retrieval import refreshing
from retrieval.documents import delete_document
from retrieval.exceptions import EmbeddingFailed, FolderRefused
from retrieval.folders import FoundFile, Unsettled, list_folder, snapshot, watched_folder
from retrieval.ingestion import ingest
from retrieval.models import Document, DocumentVersion, WatchedFolder
from retrieval.parsing.blocks import Limits
from retrieval.refreshing import RefreshReport, due_folders, is_due, may_remove, refresh_folder
from tests.retrieval.conftest import WordEmbedder

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder")]
LONG_AGO = 1_700_000_000


@pytest.fixture
def share(tmp_path: Path, settings: Settings) -> Path:
    """The folder that is watched, within the only root."""
    settings.AION_DOCUMENT_ROOTS = [tmp_path / "root"]
    settings.MEDIA_ROOT = tmp_path / "media"
    folder = tmp_path / "root" / "share"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def watched(share: Path) -> WatchedFolder:
    return WatchedFolder.objects.create(tenant="default", path=str(share))


@pytest.fixture
def embedded(word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that was embedded."""
    texts: list[str] = []
    passages = word_embedder.passages

    def noted(wanted: Any) -> Any:
        texts.extend(wanted)
        return passages(wanted)

    monkeypatch.setattr(word_embedder, "passages", noted)
    return texts


def write(path: Path, text: str, *, at: int = LONG_AGO) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (at, at))
    return path


def read(folder: WatchedFolder, *, accepted: int = 0) -> RefreshReport:
    report = refresh_folder(folder.pk, accepted=accepted)
    assert report is not None
    folder.refresh_from_db()
    return report


def sources() -> set[str]:
    return {Path(source).name for source in Document.objects.values_list("source", flat=True)}


def test_only_what_changed_is_opened_parsed_and_embedded(
    share: Path, watched: WatchedFolder, embedded: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(share / "precos.txt", "O passeio custa 95 euros.")
    write(share / "sub" / "horarios.txt", "Sai às oito e meia.")
    assert (read(watched).stored, len(embedded)) == (2, 2)
    opened: list[str] = []

    def noted(real: Path, file: FoundFile, limits: Limits, *, aside: Path) -> Any:
        opened.append(file.path)
        return snapshot(real, file, limits, aside=aside)

    monkeypatch.setattr(refreshing, "snapshot", noted)
    assert (read(watched).stored, opened) == (0, [])
    write(share / "precos.txt", "O passeio custa 98 euros.", at=LONG_AGO + 60)
    report = read(watched)
    assert (report.replaced, report.files, set(opened), len(embedded)) == (1, 2, {str(share / "precos.txt")}, 3)
    assert Document.objects.get(source=str(share / "precos.txt")).text == "O passeio custa 98 euros."


def test_a_file_that_was_only_touched_is_not_embedded_again(
    share: Path, watched: WatchedFolder, embedded: list[str]
) -> None:
    write(share / "a.txt", "Texto um.")
    read(watched)
    os.utime(share / "a.txt", (LONG_AGO + 60, LONG_AGO + 60))
    report = read(watched)
    assert (report.stored, report.replaced, len(embedded)) == (0, 0, 1)


def test_other_bytes_of_the_same_size_and_time_are_noticed_by_their_inode(share: Path, watched: WatchedFolder) -> None:
    write(share / "a.txt", "Texto um.")
    read(watched)
    write(share / "b.tmp", "Texto dos").rename(share / "a.txt")
    assert read(watched).replaced == 1


def test_a_file_written_this_moment_is_looked_at_again(share: Path, watched: WatchedFolder) -> None:
    now = int(timezone.now().timestamp())
    write(share / "a.txt", "Texto um.", at=now)
    read(watched)
    inode = (share / "a.txt").stat().st_ino
    write(share / "a.txt", "Texto dos", at=now)
    assert (share / "a.txt").stat().st_ino == inode
    assert read(watched).replaced == 1


def test_what_a_command_ingested_before_is_taken_over_without_embedding(
    share: Path, watched: WatchedFolder, embedded: list[str]
) -> None:
    write(share / "a.txt", "Texto um.")
    ingest([share], tenant="default")
    assert (read(watched).stored, len(embedded)) == (0, 1)
    (share / "a.txt").unlink()
    read(watched, accepted=1)
    assert not Document.objects.exists()


def test_a_deleted_file_takes_its_document_and_its_versions_along(share: Path, watched: WatchedFolder) -> None:
    for name in ("a", "b", "c"):
        write(share / f"{name}.txt", f"Texto {name}.")
    read(watched)
    write(share / "a.txt", "Texto novo.", at=LONG_AGO + 60)
    read(watched)
    assert DocumentVersion.objects.count() == 1
    (share / "a.txt").unlink()
    assert read(watched).retired == 1
    assert sources() == {"b.txt", "c.txt"}
    assert not DocumentVersion.objects.exists()


@pytest.mark.parametrize("loss", ["emptied", "missing", "more than half", "unreadable"])
def test_a_disk_that_is_not_there_deletes_nothing(share: Path, watched: WatchedFolder, loss: str) -> None:
    for name in ("a", "b", "c"):
        write(share / f"{name}.txt", f"Texto {name}.")
    read(watched)
    aside = share.with_name("aside")
    if loss == "more than half":
        (share / "a.txt").unlink()
        (share / "b.txt").unlink()
    else:
        share.rename(aside)
        if loss == "emptied":
            share.mkdir()
        elif loss == "unreadable":
            share.write_text("no folder")
    report = read(watched)
    assert sources() == {"a.txt", "b.txt", "c.txt"}
    assert report.state == ("unreachable" if loss in ("missing", "unreadable") else "held")
    assert bool(report.error) == (loss in ("missing", "unreadable"))
    assert report.held == {"emptied": 3, "more than half": 2}.get(loss, 0)


def test_many_documents_go_once_staff_have_confirmed_that_many_and_no_more(share: Path, watched: WatchedFolder) -> None:
    for name in ("a", "b", "c", "d"):
        write(share / f"{name}.txt", f"Texto {name}.")
    read(watched)
    for name in ("a", "b", "c"):
        (share / f"{name}.txt").unlink()
    assert read(watched).held == 3
    (share / "d.txt").unlink()  # the disk went after staff were told of three
    assert read(watched, accepted=3).held == 4
    assert (read(watched, accepted=4).retired, sources()) == (4, set())


@pytest.mark.parametrize(
    ("gone", "known", "accepted", "may"),
    [(0, 0, 0, True), (1, 2, 0, True), (2, 3, 0, False), (1, 1, 0, False), (2, 3, 2, True), (3, 3, 2, False)],
)
def test_more_than_half_needs_as_many_confirmed(gone: int, known: int, accepted: int, may: bool) -> None:
    assert may_remove(gone, known, accepted) is may


def test_a_subfolder_whose_listing_fails_loses_nothing(
    share: Path, watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(share / "sub" / "a.txt", "Texto a.")
    for name in ("b", "c"):
        write(share / f"{name}.txt", f"Texto {name}.")
    read(watched)
    scandir = os.scandir

    def failing(path: Any) -> Any:
        if str(path).endswith("/sub"):
            raise OSError(5, "Input/output error")  # what a network disk that hangs gives
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    report = read(watched)
    assert (report.closed, report.retired, len(sources())) == (1, 0, 3)


def test_a_moved_folder_keeps_its_documents_vectors_and_versions(
    share: Path, watched: WatchedFolder, embedded: list[str]
) -> None:
    for name in ("a", "b", "c"):
        write(share / "velho" / f"{name}.txt", f"Texto {name}.")
    read(watched)
    ids = set(Document.objects.values_list("pk", flat=True))
    (share / "velho").rename(share / "novo")
    report = read(watched)
    assert (report.moved, report.retired, report.held, len(embedded)) == (3, 0, 0, 3)
    assert set(Document.objects.values_list("pk", flat=True)) == ids
    assert {Path(source).parent.name for source in Document.objects.values_list("source", flat=True)} == {"novo"}
    assert read(watched).moved == 0


def test_a_copy_becomes_the_document_when_the_first_is_deleted_or_changed(share: Path, watched: WatchedFolder) -> None:
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        write(share / name, "O mesmo." if name in ("a.txt", "b.txt", "c.txt") else "Outro.")
    read(watched)
    assert sources() == {"a.txt", "d.txt"}
    (share / "a.txt").unlink()
    read(watched)
    assert sources() == {"b.txt", "d.txt"}
    write(share / "b.txt", "Mudou.", at=LONG_AGO + 60)
    read(watched)
    assert sources() == {"b.txt", "c.txt", "d.txt"}


def test_a_file_that_cannot_be_read_is_named_and_not_parsed_again(
    share: Path, watched: WatchedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(share / "torn.pdf", "no PDF")
    write(share / "foto.png", "no document")
    report = read(watched)
    assert (report.skipped, report.others, report.stored) == (1, 1, 0)
    assert watched.files.get().problem == "unreadable"
    monkeypatch.setattr(refreshing, "ingest_file", lambda *a, **k: pytest.fail("parsed again"))
    assert read(watched).skipped == 1


def test_a_document_deleted_by_staff_stays_away_until_its_file_changes(share: Path, watched: WatchedFolder) -> None:
    write(share / "a.txt", "Texto a.")
    read(watched)
    delete_document(Document.objects.get().pk, tenant="default")
    read(watched)
    assert not Document.objects.exists()
    write(share / "a.txt", "Texto novo.", at=LONG_AGO + 60)
    read(watched)
    assert sources() == {"a.txt"}


def test_groups_and_labels_of_the_folder_are_on_its_documents_and_follow_a_change(
    share: Path, watched: WatchedFolder
) -> None:
    write(share / "a.txt", "Texto a.")
    WatchedFolder.objects.update(groups=["rh"], labels=["local-only"])
    read(watched)
    assert (Document.objects.get().groups, Document.objects.get().labels) == (["rh"], ["local-only"])
    watched.groups = ["diretoria"]
    refreshing.mark_documents(watched)
    assert Document.objects.get().groups == ["diretoria"]


def test_the_embedder_away_is_said_and_the_folder_stays_due(
    share: Path, watched: WatchedFolder, word_embedder: WordEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(share / "a.txt", "Texto a.")

    def away(texts: Any) -> Any:
        raise EmbeddingFailed("no answer")

    with monkeypatch.context() as patched:
        patched.setattr(word_embedder, "passages", away)
        assert read(watched).state == "failed"
    assert is_due(watched, timezone.now())
    assert read(watched).stored == 1


def test_a_folder_is_due_by_its_hours_and_one_off_schedule_never(watched: WatchedFolder) -> None:
    assert due_folders(timezone.now()) == [watched.pk]
    read(watched)
    assert due_folders(timezone.now()) == []
    assert due_folders(timezone.now() + timedelta(hours=24)) == [watched.pk]
    WatchedFolder.objects.update(is_active=False)
    assert due_folders(timezone.now() + timedelta(hours=24)) == []


def test_the_command_reads_every_folder_and_says_what_needs_a_person(
    share: Path, watched: WatchedFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    write(share / "a.txt", "Texto a.")
    call_command("refresh_folders", "--json")
    assert json.loads(capsys.readouterr().out)["folders"][0]["stored"] == 1
    (share / "a.txt").unlink()
    with pytest.raises(CommandError) as raised:
        call_command("refresh_folders")
    assert raised.value.returncode == 2
    assert "Arquivos que sumiram: 1" in capsys.readouterr().out
    assert sources() == {"a.txt"}


@pytest.mark.parametrize("path", ["/etc", "{root}/../..", "{root}/link", "relative", "{root}/\x00", "{root}-other", ""])
def test_nothing_outside_the_allowed_roots_may_be_watched(share: Path, path: str) -> None:
    (share.parent / "link").symlink_to("/etc")
    with pytest.raises(FolderRefused, match="dono desta instalação"):
        watched_folder(path.format(root=share.parent))


def test_aions_own_data_may_not_be_watched_but_for_its_folder_of_documents(tmp_path: Path, settings: Settings) -> None:
    settings.AION_DOCUMENT_ROOTS, settings.VAR_DIR = [tmp_path], tmp_path / "var"
    (tmp_path / "var" / "documents").mkdir(parents=True)
    (tmp_path / "var" / "media").mkdir()
    for own in (tmp_path, tmp_path / "var", tmp_path / "var" / "media"):
        with pytest.raises(FolderRefused, match="próprios dados"):
            watched_folder(str(own))
    assert watched_folder(str(tmp_path / "var" / "documents")) == tmp_path / "var" / "documents"


def test_links_are_followed_neither_when_listing_nor_when_opening(share: Path, watched: WatchedFolder) -> None:
    secret = write(share.parent.parent / "secret" / "a.txt", "A senha é 1234.")
    (share / "link.txt").symlink_to(secret)
    (share / "dir").symlink_to(secret.parent)
    write(share / "sub" / "a.txt", "Texto.")
    assert (read(watched).files, sources()) == (1, {"a.txt"})
    (file,) = list_folder(share).files.values()
    (share / "sub").rename(share / "was")
    (share / "sub").symlink_to(secret.parent)  # after it was listed, before it is opened
    with pytest.raises(Unsettled), snapshot(share, file, Limits(), aside=share.parent):
        pass


def test_a_folder_that_became_a_link_is_not_read(share: Path, watched: WatchedFolder) -> None:
    write(share / "a.txt", "Texto a.")
    read(watched)
    share.rename(share.with_name("other"))
    share.symlink_to(share.with_name("other"))
    assert read(watched).state == "unreachable"
    assert sources() == {"a.txt"}


def test_a_pipe_in_the_folder_stops_nobody(share: Path, watched: WatchedFolder) -> None:
    os.mkfifo(share / "a.txt")
    write(share / "b.txt", "Texto b.")
    assert (read(watched).stored, sources()) == (1, {"b.txt"})


@pytest.mark.django_db(transaction=True)
def test_a_reading_killed_in_the_middle_goes_on_where_it_stopped(
    share: Path, watched: WatchedFolder, embedded: list[str], tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        write(share / f"{name}.txt", f"Texto {name}.")
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{configured.DATABASES['default']['NAME']}")
    environment = os.environ | {"DATABASE_URL": address.geturl(), "AION_EMBEDDER": "words:384"}
    arguments = [str(watched.pk), str(share.parent), str(tmp_path / "media")]
    program = [sys.executable, "-m", "tests.retrieval.refresher", *arguments]
    with subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "embedding\n"
        assert refresh_folder(watched.pk) is None  # one at a time
        process.kill()
    assert sources() == {"a.txt"}
    watched.refresh_from_db()
    assert watched.state == "reading"
    assert list((tmp_path / "media" / "watched").iterdir())  # what it left
    _wait_for_the_lock(watched.pk)
    assert (read(watched).stored, len(embedded), sources()) == (2, 2, {"a.txt", "b.txt", "c.txt"})
    assert not list((tmp_path / "media" / "watched").iterdir())


def _wait_for_the_lock(folder_id: int) -> None:
    """Until the server has noticed that the process is gone."""
    with connection.cursor() as cursor:
        for _attempt in range(200):
            cursor.execute(
                "SELECT count(*), pg_sleep(0.05) FROM pg_locks WHERE locktype = 'advisory'"
                " AND (classid::bigint << 32 | objid::bigint) = hashtextextended(%s, 0)",
                [f"folder:{folder_id}"],
            )
            if cursor.fetchone()[0] == 0:
                return
    pytest.fail("the lock of a dead process is still held")
