"""Watched folders, validity and versions in the panel: shown in words, changed after a confirmation by who may."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django.fixtures import Settings

from retrieval.models import Document, DocumentVersion, WatchedFile, WatchedFolder
from retrieval.tasks import refresh_folder, restore_version
from retrieval.validity import today
from telemetry import events
from telemetry.events import EventKind, Json

pytestmark = pytest.mark.django_db
ADD = reverse("admin:retrieval_watchedfolder_add")
LIST = reverse("admin:retrieval_document_changelist")


@pytest.fixture
def share(tmp_path: Path, settings: Settings) -> Path:
    settings.AION_DOCUMENT_ROOTS = [tmp_path]
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What the worker was asked for."""
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(refresh_folder, "delay", lambda *about: asked.append(about))
    monkeypatch.setattr(restore_version, "delay", lambda *about: asked.append(about))
    return asked


@pytest.fixture
def held(share: Path) -> WatchedFolder:
    folder = WatchedFolder.objects.create(
        tenant="default",
        path=str(share),
        state="held",
        last_read_at=timezone.now(),
        last_report={"files": 1, "stored": 0, "replaced": 0, "moved": 0, "retired": 0, "held": 3, "skipped": 1},
    )
    WatchedFile.objects.create(
        folder=folder, path=f"{share}/contrato.pdf", size_bytes=1, mtime_ns=1, inode=1, problem="encrypted"
    )
    return folder


@pytest.fixture
def changed(document: Document) -> Document:
    """A document with an earlier version."""
    DocumentVersion.objects.create(
        document=document,
        number=1,
        title="Sintra",
        media_type="text/markdown",
        sha256="2" * 64,
        size_bytes=60,
        text=document.text.replace("95", "90") + "<b>",
        places=[[0, 25, "", None, 8]],
        stored_at=timezone.now(),
    )
    Document.objects.update(version=2)
    document.refresh_from_db()
    return document


def content(client: Client, address: str) -> str:
    return client.get(address).content.decode()


def test_a_folder_within_the_roots_is_watched_and_read_at_once(
    owning: Client,
    share: Path,
    enqueued: list[tuple[object, ...]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        owning.post(ADD, {"path": f"{share}/", "labels": "b, a", "groups": "", "every_hours": 6, "is_active": "on"})
    folder = WatchedFolder.objects.get()
    assert (folder.path, folder.labels, folder.tenant) == (str(share), ["a", "b"], "default")
    assert enqueued == [(folder.pk,)]


@pytest.mark.parametrize("path", ["/etc", "{share}/../..", "{share}/link", "{share}/nada"])
def test_no_other_folder_is_watched(owning: Client, share: Path, path: str) -> None:
    (share / "link").symlink_to("/etc")
    page = owning.post(ADD, {"path": path.format(share=share), "every_hours": 6}).content.decode()
    assert "dono desta instalação" in page or "não existe nesta máquina" in page
    assert not WatchedFolder.objects.exists()


@pytest.mark.parametrize("path", ["", "/sub", "/.."])
def test_a_folder_within_a_watched_one_or_around_it_is_refused(owning: Client, share: Path, path: str) -> None:
    (share / "sub").mkdir()
    WatchedFolder.objects.create(tenant="default", path=str(share))
    page = owning.post(ADD, {"path": f"{share}{path}", "every_hours": 6}).content.decode()
    assert "já é vigiada" in page
    assert WatchedFolder.objects.count() == 1


def test_the_path_of_a_watched_folder_is_not_changed(owning: Client, share: Path, held: WatchedFolder) -> None:
    address = reverse("admin:retrieval_watchedfolder_change", args=[held.pk])
    owning.post(address, {"path": "/etc", "labels": "", "groups": "rh", "every_hours": 6})
    held.refresh_from_db()
    assert (held.path, held.groups, held.is_active) == (str(share), ["rh"], False)


def test_new_groups_of_a_folder_hold_for_what_was_read_before(
    owning: Client, document: Document, held: WatchedFolder
) -> None:
    WatchedFile.objects.create(folder=held, path=document.source, size_bytes=1, mtime_ns=1, inode=1)
    address = reverse("admin:retrieval_watchedfolder_change", args=[held.pk])
    owning.post(address, {"labels": "", "groups": "rh", "every_hours": 6})
    document.refresh_from_db()
    assert document.groups == ["rh"]


def test_a_held_folder_says_what_is_missing_and_asks_before_anything_goes(
    owning: Client,
    held: WatchedFolder,
    enqueued: list[tuple[object, ...]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    page = content(owning, reverse("admin:retrieval_watchedfolder_change", args=[held.pk]))
    assert "3 arquivos sumiram" in page
    assert "protegido por senha" in page
    address = reverse("admin:retrieval_watchedfolder_read", args=[held.pk])
    assert "conecte-o antes" in content(owning, address)
    assert enqueued == []
    with django_capture_on_commit_callbacks(execute=True):
        owning.post(address, {"accepted": 99})
    assert enqueued == [(held.pk, 3)]  # never more than were told
    assert LogEntry.objects.count() == 1


def test_reading_now_needs_the_right_to_change_folders(staff_with: Callable[..., Client], held: WatchedFolder) -> None:
    client = staff_with("retrieval.view_watchedfolder")
    address = reverse("admin:retrieval_watchedfolder_read", args=[held.pk])
    assert client.get(address).status_code == client.post(address, {"accepted": 0}).status_code == 403
    assert client.get(ADD).status_code == 403


def test_a_folder_is_no_longer_watched_and_its_documents_stay(
    owning: Client, document: Document, held: WatchedFolder
) -> None:
    WatchedFile.objects.create(folder=held, path=document.source, size_bytes=1, mtime_ns=1, inode=1)
    owning.post(reverse("admin:retrieval_watchedfolder_delete", args=[held.pk]), {"post": "yes"})
    assert not WatchedFolder.objects.exists()
    assert Document.objects.exists()


def test_the_days_of_a_document_are_changed_by_who_may(
    owning: Client, staff_with: Callable[..., Client], document: Document
) -> None:
    address = reverse("admin:retrieval_document_validity", args=[document.pk])
    refused = staff_with("retrieval.view_document").post(address, {"first": "", "last": "2026-08-31"})
    assert refused.status_code == 403
    assert "A partir da meia-noite" in content(owning, address)
    owning.post(address, {"first": "2026-01-01", "last": "2026-08-31"})
    document.refresh_from_db()
    assert (document.valid_from, document.valid_until) == (date(2026, 1, 1), date(2026, 8, 31))
    assert 'value="2026-08-31"' in content(owning, address)
    wrong = owning.post(address, {"first": "2026-02-01", "last": "2026-01-01"}).content.decode()
    assert "antes do primeiro" in wrong
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("first", "last", "chosen", "badge"),
    [(None, None, "valid", "válido hoje"), (None, 5, "ending", "vence em até 30 dias"),
     (None, -1, "expired", "vencido"), (2, None, "coming", "ainda não vale")],
)  # fmt: skip
def test_the_list_is_filtered_by_validity_and_says_what_ends_soon(
    owning: Client, document: Document, first: int | None, last: int | None, chosen: str, badge: str
) -> None:
    days = [None if day is None else today() + timedelta(days=day) for day in (first, last)]
    Document.objects.update(valid_from=days[0], valid_until=days[1])
    for name in ("valid", "ending", "expired", "coming"):
        page = content(owning, f"{LIST}?validity={name}")
        assert (">Sintra</span>" in page) is (name == chosen or (name, chosen) == ("valid", "ending"))
    page = content(owning, LIST)
    assert badge in page.lower()
    assert ("1 documento vence em até 30 dias." in page) is (chosen == "ending")
    assert badge in content(owning, reverse("admin:retrieval_document_change", args=[document.pk])).lower()


def test_a_version_is_compared_with_the_newest(owning: Client, changed: Document) -> None:
    page = content(owning, reverse("admin:retrieval_document_change", args=[changed.pk]))
    address = reverse("admin:retrieval_document_version", args=[changed.pk, 1])
    assert address in page
    page = content(owning, address)
    assert '<del class="aion-gone">90</del><ins class="aion-come">95</ins>' in page
    assert "&lt;b&gt;" in page
    assert owning.get(reverse("admin:retrieval_document_version", args=[changed.pk, 7])).status_code == 404


def test_a_version_is_restored_after_confirmation_by_who_may(
    owning: Client,
    staff_with: Callable[..., Client],
    changed: Document,
    enqueued: list[tuple[object, ...]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    address = reverse("admin:retrieval_document_restore", args=[changed.pk, 1])
    assert staff_with("retrieval.view_document").post(address).status_code == 403
    with django_capture_on_commit_callbacks(execute=True):
        assert "versão mais nova" in content(owning, address)
        assert enqueued == []
        owning.post(address)
    assert enqueued == [(str(changed.pk), 1)]
    Document.objects.update(sha256="2" * 64)
    assert "já diz isso" in content(owning, address)
    with django_capture_on_commit_callbacks(execute=True):
        owning.post(address)
    assert len(enqueued) == 1


def test_a_question_says_which_version_of_its_sources_was_used(owning: Client, document: Document) -> None:
    about: dict[str, Json] = {
        "documentId": str(document.pk),
        "documentVersion": 7,
        "name": "Sintra",
        "number": 1,
        "cited": True,
    }
    answer_id = events.record(
        EventKind.ANSWER,
        value=1,
        meta={"prompt": "Quanto?", "reason": "confident", "sources": [about]},
        tenant="default",
    )
    assert "versão 7" in content(owning, reverse("admin:telemetry_question_change", args=[answer_id]))
