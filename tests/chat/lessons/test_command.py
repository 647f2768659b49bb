"""`manage.py build_training_set`, and the way from a person to what he taught."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from chat.lessons import build
from telemetry.models import TrainingSet
from telemetry.training_sets import rows_of_event, sets_with_person
from tests.chat.lessons.teaching import answered, fill_library, known, learn, material, reviewed

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _something_to_learn(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What people said is given here, whoever else keeps it."""
    fill_library()
    given = material(reviewed(answered()), reviewed(answered("Que mala?"), verdict="rejected"))
    monkeypatch.setattr("chat.lessons.building.material", lambda now: given)


def test_it_prints_one_object_with_path_and_manifest(tmp_path: Path) -> None:
    out = StringIO()
    call_command("build_training_set", json=True, out=tmp_path / "lições", stdout=out)
    printed = json.loads(out.getvalue())
    assert printed["manifest"]["rows"] == 1
    assert (Path(printed["path"]) / "data.jsonl").read_text().count("\n") == 1


def test_it_tells_people_what_was_left_out_and_why(tmp_path: Path) -> None:
    out = StringIO()
    call_command("build_training_set", out=tmp_path / "lições", stdout=out)
    assert "1 linha em" in out.getvalue()
    assert "1  a resposta foi rejeitada" in out.getvalue()


def test_a_folder_that_exists_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="já existe"):
        call_command("build_training_set", out=tmp_path)


def test_sets_are_dated_folders_of_the_training_root(tmp_path: Path, settings) -> None:
    settings.AION_TRAIN_ROOT = tmp_path
    given = material()
    assert build(given.now).path.parent == tmp_path / "training-sets"


def test_a_person_leads_to_every_set_he_taught_also_by_a_golden_question(tmp_path: Path) -> None:
    ana = User.objects.create_user("ana")
    given = answered(user_id=ana.pk)
    golden = known("Por quantos dias ficam guardados os objetos?", "trinta dias", document="Achados e perdidos")
    golden = type(golden)(golden.id, golden.golden, golden.created_at, given.event_id)
    first, second = learn(tmp_path, reviewed(given)), learn(tmp_path, golden)
    learn(tmp_path, reviewed(answered()))
    assert set(sets_with_person(ana.pk)) == set(
        TrainingSet.objects.filter(pk__in=[first.training_set_id, second.training_set_id])
    )
    assert given.event_id is not None
    assert {row.origin for row in rows_of_event(given.event_id)} == {"approved", "golden"}
