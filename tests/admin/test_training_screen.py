"""Trainings in the panel: the curve while it trains, stop, resume, and "Train now"."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aion.tasks import prepare_training
from inference.base_models import file_sha256
from inference.models import TrainingRun
from inference.training_curve import drawing_of, remaining
from telemetry.exceptions import ExportFailed

pytestmark = pytest.mark.django_db

State = TrainingRun.State
LIST = reverse("admin:inference_trainingrun_changelist")
TRAIN = reverse("admin:panel_action", args=["train-adapter"])


def address(what: str, run: TrainingRun) -> str:
    return reverse(f"admin:inference_trainingrun_{what}", args=[run.pk])


@pytest.fixture
def run(tmp_path: Path, settings: Any) -> TrainingRun:
    """One that trains, on another machine, with a curve of two thousand losses up to now."""
    settings.AION_TRAIN_ROOT = tmp_path
    dataset = tmp_path / "data.jsonl"
    dataset.write_text(json.dumps({"prompt": "a", "completion": "b"}))
    return TrainingRun.objects.create(
        state=State.RUNNING, dataset=str(dataset), process="elsewhere:1", heartbeat_at=timezone.now(),
        step=1000, steps=4000, tokens=600_000, seconds=2400.0, curve=[[100, 3.0, 240.0], [1000, 1.5, 2400.0]],
    )  # fmt: skip


def interrupted(run: TrainingRun) -> TrainingRun:
    run.heartbeat_at = timezone.now() - timedelta(minutes=5)
    run.save()
    return run


def test_a_training_shows_how_far_it_is_how_fast_and_how_long_still(owning: Client, run: TrainingRun) -> None:
    page = owning.get(address("change", run)).content.decode()
    for shown in ("passo 1000 de 4000", "<dd>250</dd>", "2 horas", 'points="0.0,0.0 600.0,100.0"'):
        assert shown in page, shown
    assert address("progress", run) in page
    answer = owning.get(address("progress", run)).json()
    assert answer["moving"] is True
    assert "<polyline" in answer["html"]


def test_a_training_that_has_ended_is_not_asked_for_again(owning: Client, run: TrainingRun) -> None:
    TrainingRun.objects.update(state=State.FAILED, error="O disco encheu.")
    page = owning.get(address("change", run)).content.decode()
    assert address("progress", run) not in page
    assert "O disco encheu." in page
    assert owning.get(address("progress", run)).json()["moving"] is False


def test_a_training_without_a_process_is_shown_as_interrupted(owning: Client, run: TrainingRun) -> None:
    interrupted(run)
    assert "interrompido" in owning.get(LIST).content.decode()
    assert address("resume", run) in owning.get(address("change", run)).content.decode()


def test_it_is_stopped_after_asking_by_who_may(
    owning: Client, staff_with: Callable[..., Client], run: TrainingRun
) -> None:
    looking = staff_with("inference.view_trainingrun")
    assert address("stop", run) not in looking.get(address("change", run)).content.decode()
    assert looking.post(address("stop", run)).status_code == 403
    assert "parado" in owning.get(address("stop", run)).content.decode()
    assert not TrainingRun.objects.get().stop_requested
    owning.post(address("stop", run))
    assert TrainingRun.objects.get(pk=run.pk).stop_requested
    assert LogEntry.objects.get().object_id == str(run.pk)


def test_an_interrupted_one_is_resumed(
    owning: Client, run: TrainingRun, django_capture_on_commit_callbacks: Any
) -> None:
    TrainingRun.objects.update(dataset_sha256=file_sha256(Path(run.dataset)))
    interrupted(TrainingRun.objects.get())
    with django_capture_on_commit_callbacks() as callbacks:
        owning.post(address("resume", run))
    run.refresh_from_db()
    assert (run.state, len(callbacks)) == (State.QUEUED, 1)


def test_one_whose_dataset_changed_is_not_resumed_and_says_why(owning: Client, run: TrainingRun) -> None:
    interrupted(run)
    page = owning.post(address("resume", run), follow=True).content.decode()
    assert "O conjunto de dados mudou" in page


def opened(owning: Client) -> TrainingRun:
    assert owning.get(TRAIN).status_code == 200
    assert "está sendo preparado" in owning.post(TRAIN, follow=True).content.decode()
    return TrainingRun.objects.get()


def test_train_now_is_seen_at_once_and_a_worker_gives_it_what_people_judged(
    owning: Client, owner: User, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    settings.AION_TRAIN_ROOT = tmp_path
    (tmp_path / "data.jsonl").write_text(json.dumps({"prompt": "a", "completion": "b"}))
    built = SimpleNamespace(training_set_id=uuid4(), path=tmp_path, rows=1, manifest={})
    monkeypatch.setitem(sys.modules, "chat.lessons", SimpleNamespace(build=lambda now: built))
    run = opened(owning)
    assert (run.state, run.requested_by) == (State.PREPARING, owner)
    assert "está virando" in owning.get(address("change", run)).content.decode()
    assert "Já há um treino" in owning.post(TRAIN).content.decode()
    with django_capture_on_commit_callbacks() as callbacks:
        prepare_training(run.pk)
        prepare_training(run.pk)
    run.refresh_from_db()
    assert (run.state, run.training_set_id, len(callbacks)) == (State.QUEUED, built.training_set_id, 1)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (None, "Nada do que foi revisado"),
        (ExportFailed("O disco está cheio."), "O disco está cheio."),
        (RuntimeError("boom"), "AION falhou inesperadamente"),
    ],
)
def test_a_training_that_gets_no_set_says_why(
    failure: Exception | None, said: str, owning: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build(now: object) -> SimpleNamespace:
        if failure:
            raise failure
        return SimpleNamespace(training_set_id=uuid4(), path=tmp_path, rows=0, manifest={})

    monkeypatch.setitem(sys.modules, "chat.lessons", SimpleNamespace(build=build))
    run = opened(owning)
    prepare_training(run.pk)
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert said in run.error


def test_one_that_was_stopped_while_it_was_prepared_stays_stopped(
    owning: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data.jsonl").write_text(json.dumps({"prompt": "a", "completion": "b"}))
    run = opened(owning)

    def build(now: object) -> SimpleNamespace:
        owning.post(address("stop", run))
        return SimpleNamespace(training_set_id=uuid4(), path=tmp_path, rows=1, manifest={})

    monkeypatch.setitem(sys.modules, "chat.lessons", SimpleNamespace(build=build))
    prepare_training(run.pk)
    run.refresh_from_db()
    assert run.state == State.STOPPED


def test_a_curve_needs_two_points_and_never_leaves_its_box() -> None:
    assert drawing_of([[1, 2.0, 1.0]]) is None
    drawing = drawing_of([[1, 0.0, 1.0], [2, 0.0, 2.0]])
    assert drawing is not None
    assert drawing.points == "0.0,200.0 600.0,200.0"


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.0, ""), (10.0, "menos de um minuto"), (600.0, "10 minutos"), (36000.0, "10 horas")]
)
def test_the_time_left_is_what_the_steps_so_far_took(seconds: float, words: str) -> None:
    assert remaining(TrainingRun(step=5, steps=10, seconds=seconds)) == words
