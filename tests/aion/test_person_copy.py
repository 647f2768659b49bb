"""A person gets a copy of what is kept about them; nobody else's is in it, and only who may downloads it."""

from __future__ import annotations

import io
import json
import stat
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aion import data_requests, person_copy
from aion.erasure import erase_person
from aion.retention import KINDS, end_all
from chat.authentication import issue_key
from telemetry.audit.trail import Action
from telemetry.exceptions import ExportFailed
from telemetry.locks import exporting_alone
from telemetry.models import AuditEntry, DataRequest, TrainingRow, TrainingSet
from telemetry.reviews import Verdict, decide
from tests.admin.conftest import _fresh, owner, owning, staff_with
from tests.aion.test_erasure import OTHERS, SAID, ask, files

__all__ = ["_fresh", "files", "owner", "owning", "staff_with"]
pytestmark = pytest.mark.django_db(transaction=True)
ONE_EACH = ("conta", "chaves", "conversas", "avaliacoes", "treinos")


@pytest.fixture(autouse=True)
def _var(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "VAR_DIR", tmp_path)


@pytest.fixture
def person(owner: User, tmp_path: Path) -> User:
    """Two people who asked; one is to get a copy."""
    found = User.objects.create_user("zenaide", email="zenaide@exemplo.com.br", password="senha-de-teste")
    answered = ask(found, SAID)
    ask(User.objects.create_user("outra"), OTHERS)
    decide(answered, Verdict.CORRECTED, tenant="default", by=owner.pk, correction=f"98 {SAID}")
    issue_key(name="site", user_id=found.pk, scopes=["chat"], tenant="default")
    made = TrainingSet.objects.create(
        tenant="default", created_at=timezone.now(), path=str(tmp_path / "set"), rows=1, sha256="0" * 64
    )
    TrainingRow.objects.create(
        training_set=made, position=1, row_id="a", origin="approved", event_id=answered, user_id=found.pk
    )
    return found


def parts_of(path: Path) -> dict[str, list[dict[str, Any]]]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".jsonl")]
        return {name: [json.loads(line) for line in archive.read(name).splitlines()] for name in names}


def asked_for(client: Client, login: str = "zenaide") -> DataRequest:
    address = reverse("admin:telemetry_datarequest_ask", args=["copy"])
    client.post(address, {"login": login, "typed": login, "reason": "pedido 8"})
    row = DataRequest.objects.get()
    data_requests.do(row.pk)
    row.refresh_from_db()
    return row


def test_everything_of_the_person_is_in_it_and_nothing_of_others(person: User, tmp_path: Path) -> None:
    copy = person_copy.write_copy(person.pk, tmp_path / "copia.zip")
    parts = parts_of(copy.path)
    assert {name: len(rows) for name, rows in parts.items()} == copy.entries
    assert [len(parts[f"{name}.jsonl"]) for name in ONE_EACH] == [1] * 5
    assert parts["conta.jsonl"][0]["email"] == "zenaide@exemplo.com.br"
    assert {event["kind"] for event in parts["eventos.jsonl"]} == {"answer", "retrieval", "draft", "feedback"}
    assert parts["conversas.jsonl"][0]["messages"][0]["text"] == f"Qual é o preço {SAID}?"
    whole = json.dumps(parts, ensure_ascii=False)
    assert OTHERS not in whole
    assert "hashed" not in whole
    assert "password" not in whole
    with zipfile.ZipFile(copy.path) as archive:
        readme = archive.read("LEIA-ME.txt").decode()
    assert "art. 18" in readme
    assert all(name in readme for name in parts)
    assert stat.S_IMODE(copy.path.stat().st_mode) == 0o600


def test_it_is_asked_for_in_the_panel_and_downloaded_by_who_may(
    person: User, owning: Client, staff_with: Callable[..., Client]
) -> None:
    row = asked_for(owning)
    assert row.state == "done", row.error
    page = owning.get(reverse("admin:telemetry_datarequest_change", args=[row.pk])).content.decode()
    assert "Baixar a cópia" in page
    address = reverse("admin:telemetry_datarequest_download", args=[row.pk])
    assert staff_with("telemetry.view_datarequest").get(address).status_code == 403
    response = owning.get(address)
    zipped = zipfile.ZipFile(io.BytesIO(b"".join(response)))
    assert zipped.testzip() is None
    assert "no-store" in response["Cache-Control"]
    told = AuditEntry.objects.filter(action__in=(Action.EXPORTED, Action.DOWNLOADED)).order_by("id")
    assert list(told.values_list("action", flat=True)) == ["exported", "exported", "downloaded"]


def test_it_is_removed_after_its_days_and_then_says_nothing_of_whom(person: User, owning: Client) -> None:
    row = asked_for(owning)
    path = Path(row.path)
    DataRequest.objects.update(finished_at=timezone.now() - timedelta(days=KINDS["copies"].default + 1))
    assert end_all(timezone.now())["copies"] == 1
    row.refresh_from_db()
    assert (path.exists(), row.path, row.user_id) == (False, "", None)
    assert owning.get(reverse("admin:telemetry_datarequest_download", args=[row.pk])).status_code == 404


def test_who_is_erased_takes_the_copy_along(files: Path, person: User, owning: Client) -> None:
    path = Path(asked_for(owning).path)
    left = path.with_name("x.zip.aion-partial")
    left.write_text("half")
    assert erase_person(person.pk).erased["telemetry"]["copies"] == 1
    assert not path.exists()
    assert not left.exists()


def test_none_is_written_while_an_export_or_erasure_is_at_work(person: User, tmp_path: Path) -> None:
    with exporting_alone("default"), pytest.raises(ExportFailed):
        person_copy.write_copy(person.pk, tmp_path / "copia.zip")
    with pytest.raises(ExportFailed):
        person_copy.write_copy(person.pk, tmp_path / "nowhere" / "copia.zip")
    assert list(tmp_path.glob("*.zip*")) == []


def test_the_command_writes_it_where_it_is_told(person: User, tmp_path: Path) -> None:
    out = tmp_path / "zenaide.zip"
    call_command("export_person", "zenaide", out=out, json=True, stdout=(said := io.StringIO()))
    assert json.loads(said.getvalue())["entries"]["conversas.jsonl"] == 1
    with pytest.raises(CommandError, match="já existe"):
        call_command("export_person", "zenaide", out=out)
    with pytest.raises(CommandError, match="ninguem"):
        call_command("export_person", "ninguem", out=tmp_path / "b.zip")
