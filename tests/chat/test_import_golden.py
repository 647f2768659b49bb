"""Golden questions from a file into the database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import call_command

from retrieval.models import GoldenQuestion

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [
        {
            "question": "Quanto custa?",
            "answers": ["95 €"],
            "document": "a.md",
            "passage": "Custa 95 €.",
            "kind": "fact",
        },
        {"question": "Quanto custa?", "answers": ["62 €"], "document": "b.md"},
        {"question": "Quem ganhou o jogo?", "answers": [], "answerable": False},
    ]
    path = tmp_path / "golden.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows))
    return path


def test_a_file_is_imported_once_however_often_it_is_given(file: Path) -> None:
    call_command("import_golden", str(file))
    call_command("import_golden", str(file))
    assert GoldenQuestion.objects.count() == 3
    row = GoldenQuestion.objects.get(document="a.md")
    assert (row.answers, row.passage, row.answerable, row.kind) == (["95 €"], "Custa 95 €.", True, "fact")
    assert row.origin == GoldenQuestion.Origin.FILE


def test_what_staff_changed_stays(file: Path) -> None:
    call_command("import_golden", str(file))
    GoldenQuestion.objects.filter(document="a.md").update(answers=["98 €"], is_active=False)
    call_command("import_golden", str(file))
    row = GoldenQuestion.objects.get(document="a.md")
    assert (row.answers, row.is_active) == (["98 €"], False)
