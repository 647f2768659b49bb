"""`manage.py adapters`: the registry from the terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from inference import adapters, serving
from inference.backends.fake import FakeEngine
from inference.models import Adapter
from inference.reconciler import Reconciler

pytestmark = pytest.mark.django_db
Make = Callable[..., Path]


@pytest.fixture(autouse=True)
def serving_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Reconciler:
    """This process as the one that serves, with a registry of its own."""
    monkeypatch.setattr(adapters, "base_model_path", lambda: tmp_path)
    monkeypatch.setattr(adapters, "base_sha256", lambda folder: "aa")
    monkeypatch.setattr(settings, "AION_TRAIN_ROOT", tmp_path / "train")
    engine = FakeEngine()
    engine.load()
    reconciler = Reconciler(engine)
    monkeypatch.setattr(serving, "_engine", engine)
    monkeypatch.setattr(serving, "_reconciler", reconciler)
    return reconciler


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("adapters", *map(str, arguments), stdout=out)
    return out.getvalue()


def run_json(*arguments: object) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return report


def test_an_adapter_is_added_served_merged_taken_back_and_unloaded(make_adapter: Make) -> None:
    first, second = (
        run_json("add", make_adapter(name, value=value), "--name", name)["adapter"]
        for name, value in (("manhã", 0.5), ("noite", 0.1))
    )
    assert first["name"] == "manhã"
    run("serve", first["id"])
    assert run_json("serve", second["id"])["serving"][0]["digest"] == second["digest"]
    assert run_json("merge")["serving"][0]["merged"]
    assert not run_json("unmerge")["serving"][0]["merged"]
    assert run_json("base")["serving"][0]["digest"] == ""
    listed = run("rollback")
    assert "noite, desde" in listed
    assert "volta atrás a pedido" in listed
    assert "manhã" in listed


def test_what_is_refused_is_told_and_changes_nothing(make_adapter: Make, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="não existe"):
        run("add", tmp_path / "nowhere")
    with pytest.raises(CommandError, match="valores que não são números"):
        run("add", make_adapter(value=float("nan")))
    with pytest.raises(CommandError, match="O adapter 7 não existe"):
        run("serve", 7)
    with pytest.raises(CommandError, match="Nenhum adapter está carregado"):
        run("base")
    assert not Adapter.objects.exists()


def test_the_list_says_why_the_last_one_failed(make_adapter: Make) -> None:
    bad = run_json("add", make_adapter())["adapter"]
    FakeEngine.rejected_digests.add(bad["digest"])
    with pytest.raises(CommandError):
        run("serve", bad["id"])
    FakeEngine.reset()
    assert "Última falha" in run("list")
    assert run_json("delete", bad["id"])["deleted"]["id"] == bad["id"]
    assert not Adapter.objects.exists()
