from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command, load_command_class
from pytest_django.fixtures import Settings

from retrieval.models import Document

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder")]


@pytest.fixture(autouse=True)
def home(settings: Settings) -> None:
    settings.PRIMARY_TENANT_ID = "casa"


def run(*arguments: object) -> str:
    out = io.StringIO()
    call_command(*map(str, arguments), stdout=out)
    return out.getvalue()


def test_ingest_reports_in_json(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Custa 98 euros.")
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    report = json.loads(run("ingest", tmp_path, "--label", "local-only", "--group", "rh", "--json"))
    assert (report["stored"], report["skipped"], report["chunks"]) == (1, 1, 1)
    document = Document.objects.get()
    assert (document.labels, document.groups) == (["local-only"], ["rh"])


def test_ingest_reports_in_portuguese(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Custa 98 euros.")
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    lines = run("ingest", tmp_path).splitlines()
    assert lines[0].endswith("b.png: Este tipo de arquivo não é aceito. Envie PDF, DOCX, PPTX, XLSX, HTML, Markdown, "
                             "texto, CSV, JSON ou e-mail (EML).")  # fmt: skip
    assert lines[1] == "1 documento guardado, substituídos: 0, sem mudança: 0, recusados: 1."


def test_ingest_fails_when_nothing_could_be_read(tmp_path: Path) -> None:
    (tmp_path / "b.png").write_bytes(b"\x89PNG")
    with pytest.raises(CommandError, match="Nenhum documento"):
        run("ingest", tmp_path)
    with pytest.raises(CommandError, match="Não existe"):
        run("ingest", tmp_path / "nada")


def test_search_explains_itself_in_json(bring_in: Callable[..., Path]) -> None:
    bring_in("a.txt", "Custa 98 euros.", groups=["rh"])
    explanation = json.loads(run("search", "quanto custa?", "--json"))
    assert explanation["chunks"] == 1
    assert explanation["candidates"][0]["text"] == "Custa 98 euros."
    assert set(explanation["timings_ms"]) == {"embed", "dense", "text", "fuse", "rerank", "search"}
    assert json.loads(run("search", "quanto custa?", "--group", "vendas", "--json"))["selected"] == []


def test_search_names_its_hits(bring_in: Callable[..., Path]) -> None:
    bring_in("a.txt", "Custa 98 euros.")
    assert run("search", "quanto custa?").startswith("1. A  [dense 1  text 1")


@pytest.mark.parametrize("arguments", [["  "], ["x", "--top-k", "0"], ["x", "--top-k", "25"]])
def test_search_refuses_what_makes_no_sense(arguments: list[str]) -> None:
    with pytest.raises(CommandError):
        run("search", *arguments)


@pytest.mark.parametrize("command", ["ingest", "search"])
def test_help_teaches_with_examples(command: str) -> None:
    parser = load_command_class("retrieval", command).create_parser("manage.py", command)
    assert f"manage.py {command} " in parser.format_help().split("Exemplos:")[1]
