"""Training sets: from a person or an answer to the sets they are in, and what is not to be used any more."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from telemetry.events import new_event_id
from telemetry.exceptions import ExportFailed, ExportRunning
from telemetry.models import TrainingSet
from telemetry.training_sets import (
    NewRow,
    Origin,
    rows_of_event,
    sets_with_person,
    taint,
    tainted_sets,
    write_training_set,
)
from tests.telemetry.answers import TENANT, record_answer

EVENT = new_event_id()
LINE = {"prompt": "Quanto custa?", "completion": "98 € [1]."}
ROWS = (
    NewRow("review-1", Origin.APPROVED, LINE, event_id=EVENT, review_id="1", user_id=7),
    NewRow("golden-2", Origin.GOLDEN, LINE, golden_id="2"),
)


def write(folder: Path, *rows: NewRow) -> TrainingSet:
    return write_training_set(rows, tenant=TENANT, now=timezone.now(), target=folder, manifest={}, readme="# Lições\n")


@pytest.mark.django_db
def test_a_person_leads_to_the_sets_and_an_answer_to_its_rows(tmp_path: Path) -> None:
    with_ana, without = write(tmp_path / "a", *ROWS), write(tmp_path / "b", ROWS[1])
    assert list(sets_with_person(7)) == [with_ana]
    assert [(row.training_set, row.position, row.review_id) for row in rows_of_event(EVENT)] == [(with_ana, 1, "1")]
    assert [row.row_id for row in without.training_rows.all()] == ["golden-2"]


@pytest.mark.django_db
def test_a_set_is_tainted_once_and_says_why(tmp_path: Path) -> None:
    made = write(tmp_path / "a", *ROWS)
    assert taint([made.pk], reason="pessoa apagada") == 1
    assert taint([made.pk], reason="outra razão") == 0
    assert [(each.pk, each.taint_reason) for each in tainted_sets(TENANT)] == [(made.pk, "pessoa apagada")]


@pytest.mark.django_db
def test_the_manifest_never_says_whose_question_it_was(tmp_path: Path) -> None:
    write(tmp_path / "a", *ROWS)
    assert "user" not in (tmp_path / "a" / "manifest.json").read_text()


@pytest.mark.django_db
def test_nothing_is_written_of_who_was_erased_meanwhile(tmp_path: Path) -> None:
    erased = record_answer("", "", erased=True)
    with pytest.raises(ExportFailed, match="apagad"):
        write(tmp_path / "a", *ROWS, NewRow("review-3", Origin.APPROVED, LINE, event_id=erased))
    assert not TrainingSet.objects.exists()
    assert not (tmp_path / "a").exists()


@pytest.mark.django_db(transaction=True)
def test_two_sets_are_never_written_at_once(tmp_path: Path) -> None:
    parameters = connection.get_connection_params()
    settings = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port") if name in parameters}
    with psycopg.connect(**settings) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"telemetry.training_set:{TENANT}"])
        with pytest.raises(ExportRunning):
            write(tmp_path / "a", *ROWS)
    assert not TrainingSet.objects.exists()
    assert write(tmp_path / "a", *ROWS).rows == 2
