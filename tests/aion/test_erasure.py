"""A person's data go out of every table and file, and nobody else's."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from aion.erasure import applied, erase_person, mark_latecomers
from chat.models import Conversation
from inference.examinations import answers_file
from inference.models import Adapter, Examination, TrainingRun
from retrieval.models import GoldenQuestion
from telemetry.events import EventKind, Json, record
from telemetry.exceptions import ExportFailed
from telemetry.export_jobs import export_now
from telemetry.feedback import give_feedback
from telemetry.models import DatasetExport, Event, Feedback, Reservation, Review, TrainingRow, TrainingSet
from telemetry.reviews import decide
from telemetry.staging import ASIDE
from tests.telemetry.answers import TENANT, record_answer

pytestmark = pytest.mark.django_db
SAID = "mirabolante"  # in everything that the person said, and nowhere else
OTHERS = "corriqueiro"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settings, "AION_TRAIN_ROOT", tmp_path)
    monkeypatch.setattr(settings, "AION_EVENTS_JSONL", tmp_path / "events.jsonl")
    return tmp_path


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_user("zenaide")


@pytest.fixture
def other(db: None) -> User:
    return User.objects.create_user("outra")


def ask(person: User, word: str) -> UUID:
    """A question with all that comes of one."""
    conversation = Conversation.objects.create(tenant=TENANT, user=person, title=f"Preço {word}")
    retrieval = record(EventKind.RETRIEVAL, value=0, meta={"query": f"preço {word}", "items": []}, tenant=TENANT)
    answered = record_answer(
        f"Qual é o preço {word}?",
        f"O preço {word} é 95 euros [1].",
        userId=person.pk,
        conversationId=str(conversation.pk),
        retrievalId=str(retrieval),
    )
    failed: dict[str, Json] = {"prompt": f"E o {word}?", "reply": "", "status": "failed", "detail": f"falhou em {word}"}
    record(EventKind.ANSWER, value=0, meta={**failed, "userId": person.pk, "source": "failed"}, tenant=TENANT)
    draft: dict[str, Json] = {"answerId": str(answered), "prompt": word, "reply": word, "passed": True}
    record(EventKind.DRAFT, value=1, meta=draft, tenant=TENANT)
    conversation.messages.create(role="user", text=f"Qual é o preço {word}?")
    conversation.messages.create(role="assistant", text=f"O preço {word} é 95 euros [1].", event_id=answered)
    for judge in (person.pk, None):
        give_feedback(
            event_id=answered,
            tenant=TENANT,
            vote=1,
            comment=f"bom {word}",
            correction=f"98 {word}",
            relevant_sources=[],
            user_id=judge,
            key_id=None,
            question=f"Qual é o preço {word}?",
            reply=f"O preço {word}",
        )
    now = timezone.now()
    Reservation.objects.create(
        tenant=TENANT, amount_usd=1, tag="rag-answer", user_id=person.pk, created_at=now, expires_at=now
    )
    return answered


def tables_with(text: str) -> list[str]:
    """Every table of the database in which a row holds `text` anywhere."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE t::text ILIKE %s', [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def files_with(folder: Path, text: str) -> list[str]:
    return [str(file) for file in folder.rglob("*") if file.is_file() and text in file.read_text(encoding="utf-8")]


def test_no_text_of_the_person_is_left_in_any_table_or_file(files: Path, person: User, other: User) -> None:
    ask(person, SAID)
    ask(other, OTHERS)
    exported = export_now(tenant=TENANT, formats=("messages", "sharegpt"))
    assert exported.rows == 2
    assert tables_with(SAID) != []
    assert len(files_with(files, SAID)) == 3  # two formats and the rolling file
    kept = dict.fromkeys(tables_with(OTHERS))

    receipt = erase_person(person.pk)

    assert tables_with(SAID) == []
    assert files_with(files, SAID) == []
    assert dict.fromkeys(tables_with(OTHERS)) == kept
    assert len(files_with(files, OTHERS)) == 3
    assert receipt.erased["chat"] == {"conversations": 1, "messages": 2}
    assert receipt.erased["telemetry"]["dataset_files"] == 2


def test_no_id_of_the_person_is_left(files: Path, person: User) -> None:
    answered = ask(person, SAID)
    erase_person(person.pk)
    assert not Event.objects.filter(meta__userId=person.pk).exists()
    assert not Feedback.objects.filter(user_id=person.pk).exists()
    assert not Reservation.objects.filter(user_id=person.pk).exists()
    assert not Conversation.objects.filter(user=person).exists()
    event = Event.objects.get(pk=answered)
    assert event.meta["erased"] is True
    assert event.meta["conversationId"] is None
    assert (event.meta["C"], event.meta["source"]) == (0.8, "local")  # still counted


def test_a_rewritten_export_is_described_as_it_is(files: Path, person: User, other: User) -> None:
    ask(person, SAID)
    ask(other, OTHERS)
    folder = export_now(tenant=TENANT).path
    erase_person(person.pk)
    data = (folder / "data.jsonl").read_bytes()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["rows"] == manifest["files"][0]["rows"] == data.count(b"\n") == 1
    assert manifest["files"][0]["sha256"] == hashlib.sha256(data).hexdigest()
    assert DatasetExport.objects.get().rows == 1


def test_an_export_whose_process_died_at_its_end_is_found_too(
    files: Path, person: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(person, SAID)
    with monkeypatch.context() as dying:
        dying.setattr("telemetry.export_jobs._finish", lambda *args, **values: sys.exit("killed"))
        with pytest.raises(SystemExit):
            export_now(tenant=TENANT)
    erase_person(person.pk)
    assert files_with(files, SAID) == []


def test_a_second_time_there_is_nothing_more_to_erase(files: Path, person: User) -> None:
    ask(person, SAID)
    erase_person(person.pk)
    assert erase_person(person.pk).erased == {"chat": {}, "inference": {}, "retrieval": {}, "telemetry": {}}


def test_a_file_that_cannot_be_read_leaves_everything_as_it_was(files: Path, person: User) -> None:
    ask(person, SAID)
    folder = export_now(tenant=TENANT).path
    (folder / "data.jsonl").write_text("{torn", encoding="utf-8")
    before = tables_with(SAID)
    with pytest.raises(ExportFailed, match=r"data\.jsonl"):
        erase_person(person.pk)
    assert tables_with(SAID) == before


def test_the_receipts_are_kept_for_later_manifests_without_saying_who(files: Path, person: User) -> None:
    ask(person, SAID)
    receipt = erase_person(person.pk)
    (kept,) = applied(TENANT)
    assert kept["id"] == str(receipt.id)
    assert kept["removed"] == receipt.erased
    assert "zenaide" not in json.dumps(kept)


def test_the_command_asks_first_and_prints_a_receipt(
    files: Path, person: User, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(person, SAID)
    monkeypatch.setattr("builtins.input", lambda prompt: "n")
    with pytest.raises(CommandError, match="Nada foi apagado"):
        call_command("erase_person", "zenaide")
    assert tables_with(SAID) != []
    call_command("erase_person", "zenaide", yes=True, json=True)
    printed = json.loads(capsys.readouterr().out)
    assert printed["erased"]["chat"] == {"conversations": 1, "messages": 2}
    with pytest.raises(CommandError, match="ninguem"):
        call_command("erase_person", "ninguem", yes=True)


def test_reviews_golden_questions_and_what_examinations_kept_go_with_their_history(
    files: Path, person: User, other: User
) -> None:
    examination_of: dict[str, Examination] = {}
    for word, who in ((SAID, person), (OTHERS, other)):
        answered = ask(who, word)
        decide(answered, Review.Verdict.CORRECTED, tenant=TENANT, by=other.pk, correction=f"98 {word}")
        seen = Review.objects.get(event_id=answered).decided_at
        decide(answered, Review.Verdict.APPROVED, tenant=TENANT, by=other.pk, instead_of=seen)
        GoldenQuestion.objects.create(tenant=TENANT, question=f"E o {word}?", answers=["98"], event_id=answered)
        digest = hashlib.sha256(word.encode()).hexdigest()
        adapter = Adapter.objects.create(name="a", digest=digest, base_model="m", rank=8, size_bytes=1)
        kept = {"events": [str(answered)], "examples": [{"event": str(answered), "question": f"E o {word}?"}], "n": 1}
        examination_of[word] = row = Examination.objects.create(candidate=adapter, state="done", results=kept)
        answers_file(row).parent.mkdir(parents=True, exist_ok=True)
        answers_file(row).write_text(json.dumps({"text": word}))

    receipt = erase_person(person.pk)

    assert tables_with(SAID) == []
    assert files_with(files, SAID) == []
    assert receipt.erased["telemetry"]["reviews"] == 1
    assert receipt.erased["inference"] == {"examinations": 1}
    for row in examination_of.values():
        row.refresh_from_db()
    assert examination_of[SAID].results == {"events": [], "examples": [], "n": 1}
    assert len(examination_of[OTHERS].results["examples"]) == Review.objects.count() == 1
    assert answers_file(examination_of[OTHERS]).is_file()


@pytest.mark.django_db(transaction=True)
def test_an_export_made_afterwards_names_the_erasure(files: Path, person: User, other: User) -> None:
    ask(person, SAID)
    ask(other, OTHERS)
    receipt = erase_person(person.pk)
    manifest = json.loads((export_now(tenant=TENANT).path / "manifest.json").read_text())
    assert [erasure["id"] for erasure in manifest["erasures"]] == [str(receipt.id)]


def test_an_adapter_that_was_trained_while_somebody_was_erased_is_marked(files: Path) -> None:
    tainted = TrainingSet.objects.create(
        tenant=TENANT, created_at=timezone.now(), path="", rows=1, sha256="0" * 64, tainted_at=timezone.now()
    )
    late = Adapter.objects.create(name="tardio", digest="2" * 64, base_model="m", rank=8, size_bytes=1)
    TrainingRun.objects.create(state="done", dataset="", adapter=late, training_set_id=tainted.pk)
    assert (mark_latecomers(), mark_latecomers()) == (1, 0)
    late.refresh_from_db()
    assert late.tainted_at is not None


def test_what_learned_from_the_person_is_marked_and_the_sets_folder_removed(
    files: Path, person: User, other: User
) -> None:
    answered, kept = ask(person, SAID), ask(other, OTHERS)
    adapters = {}
    for name, event_id, user in (("sujo", answered, person), ("limpo", kept, other)):
        folder = files / "training-sets" / name
        folder.mkdir(parents=True)
        (folder / "data.jsonl").write_text(json.dumps({"prompt": SAID if name == "sujo" else OTHERS}))
        made = TrainingSet.objects.create(
            tenant=TENANT, created_at=timezone.now(), path=str(folder), rows=1, sha256="0" * 64
        )
        TrainingRow.objects.create(
            training_set=made, position=1, row_id="a", origin="approved", event_id=event_id, user_id=user.pk
        )
        adapters[name] = Adapter.objects.create(
            name=name, digest=name.ljust(64, "0"), base_model="m", rank=8, size_bytes=1
        )
        TrainingRun.objects.create(state="done", dataset=str(folder), adapter=adapters[name], training_set_id=made.pk)
    receipt = erase_person(person.pk)
    assert receipt.adapters == (adapters["sujo"].pk,)
    for name, tainted in (("sujo", True), ("limpo", False)):
        adapters[name].refresh_from_db()
        assert (adapters[name].tainted_at is not None) is tainted
        assert (files / "training-sets" / name).exists() is not tainted
    assert tables_with(SAID) == []
    assert not TrainingRow.objects.filter(user_id=person.pk).exists()


def test_a_set_whose_process_died_before_its_row_was_kept_goes_too(files: Path, person: User) -> None:
    ask(person, SAID)
    for name in ("2026-11-23-033000", f"{ASIDE}1"):
        folder = files / "training-sets" / name
        folder.mkdir(parents=True)
        (folder / "data.jsonl").write_text(SAID)
        (folder / "manifest.json").write_text("{}")
    notes = files / "training-sets" / "anotacoes"
    notes.mkdir()
    erase_person(person.pk)
    assert list((files / "training-sets").iterdir()) == [notes]  # what is no set of ours stays
