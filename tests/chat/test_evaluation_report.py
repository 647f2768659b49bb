"""The report's folder: there whole or not at all, and a page that needs nothing else."""

from __future__ import annotations

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from chat.evaluation import publishing
from tests.chat.test_evaluation import TWO_DOCUMENTS
from tests.chat.test_golden import written

pytestmark = pytest.mark.django_db
TRAP = "<script>alert(1)</script> | Quanto custa?"


def report_into(folder, tmp_path, *options: str) -> None:
    squad = json.loads(json.dumps(TWO_DOCUMENTS))
    squad["data"][0]["paragraphs"][0]["qas"][0]["question"] = TRAP
    path = written(tmp_path, json.dumps(squad), "squad.json")
    call_command(
        "evaluate", str(path), "--json", "--report", str(folder), *options, stdout=StringIO(), stderr=StringIO()
    )


def test_the_folder_holds_the_report_three_times(tmp_path):
    folder = tmp_path / "reports" / "first"
    report_into(folder, tmp_path, "--masked", "both", "--tau", "0")
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json", "report.md"]
    kept = json.loads((folder / "report.json").read_text())
    assert kept["about"]["file"] == "squad.json"
    assert kept["about"]["machine"]
    markdown = (folder / "report.md").read_text()
    assert "| Trecho certo entre os 8 (R@8) | 1,000 |" in markdown
    assert "### 4. A que horas a loja abre?" in markdown


def test_the_page_is_whole_by_itself_and_shows_text_as_text(tmp_path):
    report_into(tmp_path / "out", tmp_path, "--masked", "both", "--tau", "0")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"(?:src|href)=|url\(|@import|style=", page)
    assert page.count("<polyline") >= 4
    assert 'lang="pt-br"' in page


def test_it_is_written_without_answers_and_without_negatives(tmp_path):
    report_into(tmp_path / "out", tmp_path, "--no-generate")
    assert "Busca" in (tmp_path / "out" / "report.html").read_text()


def test_a_folder_that_exists_is_refused_before_anything_is_asked(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(CommandError, match="já existe"):
        report_into(tmp_path / "out", tmp_path)
    assert not any((tmp_path / "out").iterdir())


def test_a_place_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="gravar"):
        report_into(tmp_path / "file" / "out", tmp_path)


def test_a_report_that_cannot_be_finished_leaves_nothing(tmp_path, monkeypatch):
    def full(_report):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(publishing, "as_html", full)
    with pytest.raises(CommandError, match="cheio"):
        report_into(tmp_path / "out", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["squad.json"]
