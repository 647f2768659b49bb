"""Golden questions evaluated by themselves: when a run begins, what it keeps, and what ends it early."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from chat import control
from chat.evaluation import running, runs
from chat.evaluation.conditions import Conditions, answering, changed, present
from chat.exceptions import EvaluationRefused
from chat.models import EvaluationAnswer, EvaluationFloor, EvaluationRun
from inference.backends.fake import FakeEngine
from inference.models import Adapter, DesiredState
from inference.training_lock import training_lock
from retrieval.erasure import erase_person
from retrieval.ingestion import ingest_text
from retrieval.models import GoldenQuestion
from telemetry.events import new_event_id
from telemetry.models import Alarm, Event
from tests.chat.conftest import FULL_DAY, LOST
from tests.chat.test_scratch import environment

TENANT = "default"
State, Cause = EvaluationRun.State, EvaluationRun.Cause
NOW = datetime(2026, 11, 23, 5, 15, tzinfo=timezone.get_default_timezone())
PRICE, KEPT_FOR, NOBODY = (
    "Quanto custa o passeio de dia inteiro em Sintra?",
    "Por quantos dias ficam guardados objetos esquecidos na van?",
    "Quem fundou a empresa?",
)


@pytest.fixture
def golden(documents: None) -> None:
    change(answer_mode="quote", tau=0.0)
    add(PRICE, "€ 98", "Sintra dia inteiro", FULL_DAY, set_name="Passeios")
    add(KEPT_FOR, "trinta dias", "Achados e perdidos", LOST)


def add(text: str, answer: str, document: str = "", passage: str = "", **fields: Any) -> GoldenQuestion:
    given = {"answers": [answer] if answer else [], "answerable": bool(answer)} | fields
    return GoldenQuestion.objects.create(tenant=TENANT, question=text, document=document, passage=passage, **given)


def look(now: datetime = NOW) -> EvaluationRun | None:
    return running.look(now, reach=FakeEngine)


def while_answering(deed: Callable[[], object]) -> EvaluationRun:
    """A run in whose middle something happens."""

    class Engine(FakeEngine):
        def generate(self, *args: Any, **kwargs: Any) -> Any:
            deed()
            return super().generate(*args, **kwargs)

    change(answer_mode="generate")
    runs.ask(Cause.NIGHT, NOW)
    row = running.look(NOW, reach=Engine)
    assert row is not None
    return row


def change(**values: Any) -> None:
    control.revise(values, by=None)
    control.forget()


def evaluated(cause: EvaluationRun.Cause = Cause.BUTTON) -> EvaluationRun:
    runs.ask(cause, NOW)
    row = look()
    assert row is not None
    assert row.state == State.DONE, row.error
    return row


# --- what a run keeps ----------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_run_keeps_every_answer_its_figures_and_what_answered(golden: None) -> None:
    row = evaluated()
    assert {one.question: one.right for one in row.answers.all()} == {PRICE: True, KEPT_FOR: True}
    assert row.figures["retrieval"]["n"] == 2
    assert row.figures["answer"]["contains"] == 1.0
    assert row.figures["intervals"]["answer"]["contains"] == [1.0, 1.0]
    assert row.figures["gate"]["masked"] == "document"
    assert [(one["name"], one["n"], one["share"], one["alarm"]) for one in row.sets] == [
        ("", 1, 1.0, ""),
        ("Passeios", 1, 1.0, ""),
    ]
    assert changed(Conditions.of(row.conditions), present()) == ()
    assert (row.done, row.total) == (4, 4)  # each again with its document hidden
    assert not Event.objects.exclude(kind="settings").exists()


@pytest.mark.django_db
def test_the_command_asks_the_same_questions_and_prints_the_same_object(golden: None) -> None:
    row = evaluated()
    out = StringIO()
    call_command("evaluate", "--golden", "--masked", "document", "--json", stdout=out, stderr=StringIO())
    report = json.loads(out.getvalue())
    for part in ("retrieval", "gate"):
        assert report[part] == row.figures[part]
    assert {**report["answer"], "seconds_per_answer": 0} == {**row.figures["answer"], "seconds_per_answer": 0}


@pytest.mark.django_db
def test_the_command_asks_one_set_alone_and_says_what_is_missing(golden: None, tmp_path: Any) -> None:
    out = StringIO()
    call_command("evaluate", "--golden", "--set", "Passeios", "--no-generate", "--json", stdout=out, stderr=StringIO())
    assert json.loads(out.getvalue())["retrieval"]["n"] == 1
    for arguments in (["--golden", "--set", "RH"], [], ["--golden", str(tmp_path)], [str(tmp_path), "--set", "RH"]):
        with pytest.raises(CommandError):
            call_command("evaluate", *arguments, stderr=StringIO())


@pytest.mark.django_db
def test_erasing_who_asked_a_question_takes_its_answers_out_of_every_run(golden: None) -> None:
    asked = new_event_id()
    add("Sou a Zuleica, quanto custa Sintra?", "€ 98", "Sintra dia inteiro", event_id=asked)
    row = evaluated()
    assert row.answers.count() == 3
    assert erase_person([asked], tenant=TENANT) == {"golden_questions": 1}
    assert not EvaluationAnswer.objects.filter(question__contains="Zuleica").exists()
    assert row.answers.count() == 2


@pytest.mark.django_db
def test_a_question_erased_while_it_is_asked_leaves_no_answer(golden: None) -> None:
    row = while_answering(GoldenQuestion.objects.filter(question=PRICE).delete)
    assert (row.state, row.answers.count()) == (State.DONE, 1)


# --- when a run begins ---------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_change_waits_until_things_are_quiet_and_is_then_evaluated_once(golden: None) -> None:
    evaluated()
    assert look(NOW) is None
    ingest_text("Sintra dia inteiro", FULL_DAY.replace("98", "99"), tenant=TENANT)
    assert look(NOW + timedelta(minutes=3)) is None
    ingest_text("Novo", "Um documento novo.", tenant=TENANT)
    assert look(NOW + timedelta(minutes=12)) is None  # changed again meanwhile
    row = look(NOW + timedelta(minutes=22))
    assert row is not None
    assert (row.cause, row.state) == (Cause.CHANGE, State.DONE)
    before = runs.last_done(row)
    assert before is not None
    assert changed(Conditions.of(before.conditions), Conditions.of(row.conditions)) == ("corpus",)
    assert look(NOW + timedelta(hours=5)) is None


@pytest.mark.django_db
def test_settings_adapter_and_questions_are_changes_too_and_the_paid_api_is_none(golden: None) -> None:
    before = present()
    change(fallback_allowed=True, temperature=0.7)
    assert changed(before, present()) == ()
    change(tau=0.5)
    DesiredState.objects.create(adapter=Adapter.objects.create(name="demo", digest="9" * 64, rank=8, size_bytes=9))
    add(NOBODY, "")
    assert changed(before, present()) == ("adapter", "settings", "golden")
    assert changed(present(), present()) == ()


@pytest.mark.django_db
def test_nothing_is_evaluated_before_a_night_or_a_person_asked(golden: None) -> None:
    assert look() is None
    assert not EvaluationRun.objects.exists()


@pytest.mark.django_db
def test_at_most_one_run_waits_and_the_more_urgent_cause_stays(golden: None) -> None:
    runs.ask(Cause.CHANGE, NOW)
    runs.ask(Cause.BUTTON, NOW)
    runs.ask(Cause.NIGHT, NOW)
    assert [row.cause for row in EvaluationRun.objects.all()] == [Cause.BUTTON]


@pytest.mark.django_db
def test_without_golden_questions_nothing_is_asked_for() -> None:
    with pytest.raises(EvaluationRefused):
        runs.ask(Cause.NIGHT, NOW)
    assert not EvaluationRun.objects.exists()


@pytest.mark.django_db
def test_it_waits_while_a_training_runs_and_while_no_process_serves(golden: None) -> None:
    runs.ask(Cause.BUTTON, NOW)
    with training_lock():
        assert look() is None
    assert running.look(NOW, reach=lambda: None) is None
    assert EvaluationRun.objects.get().state == State.WAITING
    assert look() is not None


@pytest.mark.django_db
def test_two_never_run_at_once(golden: None) -> None:
    runs.ask(Cause.BUTTON, NOW)
    with runs.alone():
        assert look() is None
    assert EvaluationRun.objects.get().state == State.WAITING


# --- what ends a run early -----------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_when_time_runs_out_what_was_asked_counts_and_the_run_says_how_much(golden: None, monkeypatch: Any) -> None:
    monkeypatch.setattr(running, "LONGEST", timedelta(0))
    runs.ask(Cause.BUTTON, NOW)
    row = look()
    assert row is not None
    assert (row.state, bool(row.error), row.answers.count()) == (State.FAILED, True, 0)
    patience = iter([True, True, False])
    monkeypatch.setattr(running._Patience, "__call__", lambda self: next(patience))
    row = evaluated()
    assert (row.done, row.total, row.answers.count()) == (2, 4, 1)


@pytest.mark.django_db
def test_settings_changed_in_its_middle_interrupt_it_and_are_evaluated_later(golden: None) -> None:
    row = while_answering(lambda: change(tau=0.1))
    assert (row.state, row.answers.count(), row.figures) == (State.INTERRUPTED, 0, {})
    look(NOW)
    assert EvaluationRun.objects.get(state=State.WAITING).cause == Cause.CHANGE


@pytest.mark.django_db
def test_an_engine_that_breaks_fails_the_run_with_its_reason_and_is_not_tried_again_at_once(
    golden: None,
) -> None:
    def break_down() -> None:
        raise RuntimeError("boom")

    row = while_answering(break_down)
    assert (row.state, bool(row.error)) == (State.FAILED, True)
    assert look(NOW + timedelta(hours=1)) is None


@pytest.mark.django_db(transaction=True)
def test_killed_with_9_it_is_interrupted_and_begun_anew_once(golden: None) -> None:
    change(answer_mode="generate")
    runs.ask(Cause.NIGHT, NOW)
    for waiting in (1, 0):  # the second time it is left alone
        with subprocess.Popen(
            [sys.executable, "-m", "tests.chat.evaluation_holder"],
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdout
                assert process.stdout.readline() == "asking\n", process.communicate()[1]
                assert look(NOW) is None  # it is at work
                assert EvaluationRun.objects.get(state=State.RUNNING)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait(timeout=30)
        with runs.alone():
            runs.close_interrupted(NOW)
        assert not EvaluationRun.objects.filter(state=State.RUNNING).exists()
        assert EvaluationRun.objects.filter(state=State.WAITING).count() == waiting
    assert not EvaluationAnswer.objects.exists()


# --- alarms --------------------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_set_below_its_floor_alarms_once(golden: None) -> None:
    EvaluationFloor.objects.create(tenant=TENANT, set_name="Passeios", share=0.9)
    assert evaluated().sets[1]["alarm"] == ""
    ingest_text("Sintra dia inteiro", FULL_DAY.replace("98", "99"), tenant=TENANT)
    row = evaluated()
    assert (row.sets[1]["name"], row.sets[1]["share"], row.sets[1]["alarm"]) == ("Passeios", 0.0, "floor")
    evaluated()
    told = Alarm.objects.get()
    assert (told.key, told.count, told.values["name"], told.closed_at) == ("golden_set:Passeios", 2, "Passeios", None)
    ingest_text("Sintra dia inteiro", FULL_DAY, tenant=TENANT)
    evaluated()
    told.refresh_from_db()
    assert told.closed_at is not None


@pytest.mark.django_db
def test_what_is_looked_at_before_each_question_leaves_the_documents_out(golden: None) -> None:
    assert (answering().documents, answering().golden) == (0, "")
