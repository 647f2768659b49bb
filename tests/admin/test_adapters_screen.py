"""Adapters in the panel: sent, looked at, deleted; and what really serves, since when and why."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from safetensors.numpy import save

from inference import adapters
from inference.models import Adapter, DesiredState, ProcessReport

pytestmark = pytest.mark.django_db

LIST = "admin:inference_adapter_changelist"
SEND = "admin:inference_adapter_add"
CARD = {"name": "noite", "loss": 0.487, "profile": {"lr": 0.0005, "epochs": 1.0}, "base_sha256": "aa"}


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Path:
    """A registry of its own, and a base model that is only an identity."""
    monkeypatch.setattr(adapters, "base_model_path", lambda: tmp_path)
    monkeypatch.setattr(adapters, "base_sha256", lambda folder: "aa")
    settings.AION_TRAIN_ROOT = tmp_path / "train"
    return tmp_path / "train" / "adapters"


def adapter_files(**config: Any) -> dict[str, bytes]:
    matrices = {
        f"base_model.model.x.lora_{part}.weight": np.full(shape, 0.5, np.float32)
        for part, shape in (("A", (2, 4)), ("B", (4, 2)))
    }
    return {
        "adapter_config.json": json.dumps({"peft_type": "LORA", "r": 2} | config).encode(),
        "adapter_model.safetensors": save(matrices),
        "aion.json": json.dumps(CARD).encode(),
    }


def sent(files: dict[str, bytes]) -> dict[str, Any]:
    return {"uploads": [SimpleUploadedFile(name, content) for name, content in files.items()]}


def zipped(files: dict[str, bytes]) -> dict[str, bytes]:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return {"noite.zip": packed.getvalue()}


@pytest.mark.parametrize("pack", [dict, zipped])
def test_an_adapter_is_sent_and_registered_and_does_not_serve(
    owning: Client, owner: User, registry: Path, pack: Callable[[dict[str, bytes]], dict[str, bytes]]
) -> None:
    page = owning.post(reverse(SEND), sent(pack(adapter_files())), follow=True).content.decode()
    adapter = Adapter.objects.get()
    assert (adapter.name, adapter.rank, adapter.created_by) == ("noite", 2, owner)
    assert "O adapter foi verificado e registrado" in page
    assert "0,487" in page, "what was measured is told in words"
    assert "taxa de aprendizado" in page
    assert not DesiredState.objects.exists()
    assert LogEntry.objects.get().user == owner
    assert [folder.name for folder in registry.iterdir() if folder.is_dir()] == [adapter.digest]


def test_a_refused_adapter_is_told_why_and_leaves_nothing_behind(owning: Client, registry: Path) -> None:
    page = owning.post(reverse(SEND), sent(adapter_files(target_modules="(a+)+$"))).content.decode()
    assert "padrões não são aceitos" in page
    page = owning.post(reverse(SEND), sent(adapter_files() | {"model.py": b"import os"})).content.decode()
    assert "model.py não faz parte de um adapter" in page
    assert not Adapter.objects.exists()
    assert not LogEntry.objects.exists()
    assert [entry.name for entry in registry.iterdir() if entry.is_dir()] == []


def test_sending_needs_its_own_permission_and_the_forgery_token(staff_with: Callable[..., Client], owner: User) -> None:
    loader = staff_with("inference.load_adapter", "inference.view_adapter")
    assert loader.get(reverse(SEND)).status_code == 403
    assert loader.post(reverse(SEND), sent(adapter_files())).status_code == 403
    assert reverse(SEND) not in loader.get(reverse(LIST)).content.decode()
    checking = Client(enforce_csrf_checks=True)
    checking.force_login(owner)
    assert checking.post(reverse(SEND), sent(adapter_files())).status_code == 403
    assert not Adapter.objects.exists()


def test_the_list_says_what_really_serves_since_when_why_and_by_whom(owning: Client, owner: User) -> None:
    good, bad = (
        Adapter.objects.create(name=name, digest=digit * 64, base_model="fake", rank=8, size_bytes=1)
        for name, digit in (("noite", "7"), ("torto", "8"))
    )
    reached = DesiredState.objects.create(adapter=good, reason="reload", outcome="served", created_by=owner)
    DesiredState.objects.create(adapter=bad, outcome="failed", error="é de outro modelo base")
    now = timezone.now()
    ProcessReport.objects.create(
        process="web:1", state="ready", adapter="noite", adapter_digest=good.digest, reached=reached,
        started_at=now, heartbeat_at=now,
    )  # fmt: skip
    page = owning.get(reverse(LIST)).content.decode()
    for shown in ("777777777777", "carregado a pedido", "<td>dona</td>", "web:1", "é de outro modelo base"):
        assert shown in page, shown
    assert f"{reverse('admin:panel_action', args=['load-adapter'])}?adapter={bad.pk}" in page


def test_an_adapter_that_never_served_is_deleted_after_asking(
    owning: Client, owner: User, django_capture_on_commit_callbacks: Any, registry: Path
) -> None:
    owning.post(reverse(SEND), sent(adapter_files()))
    adapter = Adapter.objects.get()
    address = reverse("admin:inference_adapter_delete", args=[adapter.pk])
    assert str(adapter) in owning.get(address).content.decode()
    assert Adapter.objects.exists(), "looking deletes nothing"
    with django_capture_on_commit_callbacks(execute=True):
        owning.post(address)
    assert not Adapter.objects.exists()
    assert not (registry / adapter.digest).exists()
    assert LogEntry.objects.filter(action_flag=3, user=owner).count() == 1


def test_an_adapter_that_served_is_not_deleted(owning: Client, installation: User) -> None:
    adapter = Adapter.objects.get()
    address = reverse("admin:inference_adapter_delete", args=[adapter.pk])
    assert "Já serviu" in owning.get(address).content.decode()
    assert "Já serviu" in owning.post(address, follow=True).content.decode()
    assert Adapter.objects.exists()


def test_deleting_needs_its_own_permission(staff_with: Callable[..., Client], installation: User) -> None:
    client = staff_with("inference.load_adapter", "inference.view_adapter")
    address = reverse("admin:inference_adapter_delete", args=[Adapter.objects.get().pk])
    assert client.get(address).status_code == 403
    assert client.post(address).status_code == 403
