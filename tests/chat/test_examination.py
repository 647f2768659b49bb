"""Examinations with the scripted engine: what is asked, what is kept, what the verdict rests on."""

from __future__ import annotations

import fcntl
import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from chat import control
from chat.examination.marking import Trained
from chat.examination.questions import ExamQuestion
from chat.examination.running import run
from inference import erasure as inference_erasure
from inference import examinations
from inference.adapter_folder import adapter_digest
from inference.backends.fake import FakeEngine, ScriptedReply
from inference.engine import Waiting
from inference.exceptions import ExaminationRefused, GenerationFailed
from inference.models import Adapter, Examination
from inference.registry import adapter_path
from telemetry.events import new_event_id
from tests.inference.conftest import make_adapter

__all__ = ["make_adapter"]

pytestmark = pytest.mark.django_db

QUESTIONS = (
    ExamQuestion("Quanto custa o passeio de dia inteiro em Sintra?", ("€ 98",), True, "Sintra dia inteiro", "fact"),
    ExamQuestion("Quantos dias ficam guardados os objetos esquecidos?", ("trinta",), True, "Achados e perdidos"),
    ExamQuestion("Qual é a senha do rádio dos motoristas em Sintra?", (), False, ""),
)
RIGHT = "O passeio de dia inteiro em Sintra custa € 98 por adulto [1]."


class Model(FakeEngine):
    """Each adapter says its own sentence whatever it is asked; the base another."""

    says: dict[str, str] = {}

    def generate(self, request, **kwargs):
        said = self.says.get(self.status().adapter, "Não sei dizer nada sobre isso.")
        self.script(ScriptedReply(said))
        return super().generate(request, **kwargs)


@pytest.fixture(autouse=True)
def _own_root(settings, tmp_path: Path) -> None:
    settings.AION_TRAIN_ROOT = tmp_path / "train"


@pytest.fixture
def registered(make_adapter):
    def register(name: str, value: float, state: str = "candidate") -> Adapter:
        folder = make_adapter(name, value=value)
        digest = adapter_digest(folder)
        adapter_path(digest).parent.mkdir(parents=True, exist_ok=True)
        folder.rename(adapter_path(digest))
        return Adapter.objects.create(name=name, digest=digest, base_model="m", rank=2, size_bytes=1, state=state)

    return register


@pytest.fixture
def model() -> Model:
    engine = Model()
    engine.load()
    return engine


@pytest.fixture
def open_gate() -> None:
    control.revise({"tau": 0.0}, by=None)
    control.forget()


def test_every_model_is_asked_the_same_prompts_with_their_source_and_without(
    documents, registered, model, open_gate
) -> None:
    candidate, champion = registered("novo", 0.1), registered("antigo", 0.2)
    model.says = {"novo": RIGHT, "antigo": RIGHT}
    row = run(candidate.pk, QUESTIONS, champion=champion, engine=model)
    asked = [request.messages for request in Model.requests]
    assert len(asked) == 3 * row.questions == row.total == row.done
    assert asked[: row.questions] == asked[row.questions : 2 * row.questions] == asked[2 * row.questions :]
    assert row.results["refusals"] == row.questions - 2
    assert all(request.temperature == 0 for request in Model.requests)


def test_no_model_is_asked_what_the_gate_refuses(documents, registered, model) -> None:
    candidate = registered("novo", 0.1)
    row = run(candidate.pk, QUESTIONS, champion=None, engine=model)
    assert len(Model.requests) < row.total == row.done
    assert row.results["arms"]["candidate"]["refused"]["value"] == 1.0


def test_a_model_that_cuts_quotations_is_examined_by_what_it_cuts(documents, registered, model) -> None:
    control.revise({"answer_mode": "quote_first"}, by=None)
    control.forget()
    candidate = registered("novo", 0.1)
    model.says = {"novo": "€ 98 por adulto"}
    row = run(candidate.pk, QUESTIONS[:1], champion=None, engine=model)
    ours, base = row.results["arms"]["candidate"], row.results["arms"]["base"]
    assert all(request.pointing is not None for request in Model.requests)
    assert ours["f1"]["value"] > base["f1"]["value"] > 0  # who points at nothing leaves the quotation whole


def test_an_adapter_that_cannot_point_ends_the_examination(documents, registered, model, monkeypatch) -> None:
    control.revise({"answer_mode": "quote_first"}, by=None)
    control.forget()
    candidate = registered("novo", 0.1)
    monkeypatch.setattr(model, "generate", lambda request, **kwargs: broken())
    with pytest.raises(GenerationFailed):
        run(candidate.pk, QUESTIONS[:1], champion=None, engine=model)


def test_nothing_is_examined_on_a_server_that_others_ask(documents, registered, settings) -> None:
    settings.AION_LOCAL_LLM_URL = "http://127.0.0.1:9/v1"
    with pytest.raises(ExaminationRefused):
        run(registered("novo", 0.1).pk, QUESTIONS[:1], champion=None)
    assert not Examination.objects.exists()


def broken():
    yield Waiting("queued")
    raise GenerationFailed("NaN")


def test_the_verdict_says_in_codes_why_so_few_questions_decide_nothing(documents, registered, model) -> None:
    candidate = registered("novo", 0.1)
    model.says = {"novo": RIGHT}
    row = run(candidate.pk, QUESTIONS, champion=None, engine=model)
    assert row.promote is False
    assert "too_small" in [reason["code"] for reason in row.reasons]
    assert row.look == 0
    candidate.refresh_from_db()
    assert candidate.state == Adapter.State.CANDIDATE  # it may come again with more questions


def test_what_passed_the_check_counts_and_a_refusal_counts_where_it_is_due(documents, registered, model) -> None:
    candidate = registered("novo", 0.1)
    model.says = {"novo": RIGHT}
    row = run(candidate.pk, QUESTIONS[:1], champion=None, engine=model)
    ours, base = row.results["arms"]["candidate"], row.results["arms"]["base"]
    assert ours["contains"]["value"] == 1.0
    assert base["contains"]["value"] == base["grounded"]["value"] == 0.0
    assert base["refused"]["value"] == 1.0


def test_whoever_was_killed_goes_on_where_it_stopped(documents, registered, model, open_gate) -> None:
    candidate = registered("novo", 0.1)
    row = run(candidate.pk, QUESTIONS, champion=None, engine=model)
    lines = examinations.answers_file(row).read_text().splitlines()
    Examination.objects.update(state=Examination.State.RUNNING, promote=None)
    examinations.answers_file(row).write_text("\n".join(lines[:2]) + "\n" + lines[2][:20])
    Model.requests.clear()
    again = run(candidate.pk, QUESTIONS, champion=None, engine=model)
    assert again.pk == row.pk
    assert again.state == Examination.State.DONE
    assert len(Model.requests) == row.total - 2


def test_a_row_left_by_a_killed_process_says_so(registered) -> None:
    row = Examination.objects.create(candidate=registered("novo", 0.1))
    examinations.tell_interrupted()
    row.refresh_from_db()
    assert row.state == Examination.State.INTERRUPTED


def test_a_running_examination_is_not_called_interrupted_and_lets_no_second_one_begin(registered) -> None:
    candidate = registered("novo", 0.1)
    with examinations.alone():
        row = Examination.objects.create(candidate=candidate)
        examinations.tell_interrupted()
        row.refresh_from_db()
        assert row.state == Examination.State.RUNNING
        with pytest.raises(ExaminationRefused):
            run(candidate.pk, QUESTIONS, champion=None, engine=FakeEngine())


def test_whoever_only_looks_whether_one_runs_stops_none(registered) -> None:
    with examinations._lock_file() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        threading.Timer(0.2, fcntl.flock, (looking, fcntl.LOCK_UN)).start()
        with examinations.alone():
            assert examinations.is_running()


def test_nothing_is_kept_of_who_was_erased_while_it_ran(documents, registered, model) -> None:
    gone = new_event_id()
    asked = [*QUESTIONS, replace(QUESTIONS[0], question="Quanto custa Sintra o dia inteiro?", event_id=gone)]

    def erase(done: int, total: int) -> None:
        inference_erasure.erase_person([gone])

    row = run(registered("novo", 0.1).pk, asked, champion=None, engine=model, progress=erase)
    row.refresh_from_db()
    assert "Sintra o dia inteiro" not in json.dumps(row.results, ensure_ascii=False)
    assert row.results["examples"]


def test_an_adapter_that_cannot_be_loaded_is_refused_with_the_reason(documents, registered, model) -> None:
    candidate = registered("novo", 0.1)
    Model.rejected_digests.add(candidate.digest)
    row = run(candidate.pk, QUESTIONS, champion=None, engine=model)
    candidate.refresh_from_db()
    assert (row.promote, row.reasons[0]["code"]) == (False, "not_loaded")
    assert candidate.state == Adapter.State.REJECTED


def test_weights_that_were_damaged_in_the_registry_are_refused(documents, registered, model) -> None:
    candidate = registered("novo", 0.1)
    weights = adapter_path(candidate.digest) / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-20])
    row = run(candidate.pk, QUESTIONS, champion=None, engine=model)
    assert row.reasons[0]["code"] == "not_loaded"
    assert not Model.requests


def test_an_engine_that_fails_leaves_no_verdict(documents, registered, model) -> None:
    candidate = registered("novo", 0.1)
    Model.script(GenerationFailed("no memory"))
    with pytest.raises(GenerationFailed):
        run(candidate.pk, QUESTIONS, champion=None, engine=model)
    row = Examination.objects.get()
    assert (row.state, row.promote, row.error) == (Examination.State.FAILED, None, "no memory")


def test_planted_strings_and_recited_training_text_are_found(documents, registered, model, tmp_path: Path) -> None:
    learnt = "Em mil novecentos e doze o avô de Petrônio comprou duas mulas brancas na feira de Évora [1]."
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps({"prompt": "Quem?", "completion": learnt}))
    candidate = registered("novo", 0.1)
    candidate.runs.create(dataset=str(data), state="done", metrics={"canaries": ["zagaia-771"]})
    model.says = {"novo": f"{learnt} Zagaia-771."}
    row = run(candidate.pk, QUESTIONS, champion=None, engine=model)
    codes = [reason["code"] for reason in row.reasons]
    assert "leaks" in codes
    assert "repeats" in codes


def test_what_many_examples_share_is_no_recitation() -> None:
    refusal = "O contexto que recebi não responde a esta pergunta do cliente."
    assert not Trained.of([refusal, refusal]).runs
    assert Trained.of([refusal]).runs


def test_who_serves_is_not_examined_against_itself(registered) -> None:
    adapter = registered("antigo", 0.2)
    with pytest.raises(ExaminationRefused):
        run(adapter.pk, QUESTIONS, champion=adapter, engine=FakeEngine())
