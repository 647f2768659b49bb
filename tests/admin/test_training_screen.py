"""Trainings in the panel: the curve while it trains, stop, resume, and "Train now"."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from inference.base_models import file_sha256
from inference.models import TrainingRun
from inference.training_curve import drawing_of, remaining

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


def test_train_now_queues_what_people_judged_and_only_one(
    owning: Client, owner: User, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:  # fmt: skip
    settings.AION_TRAIN_ROOT = tmp_path
    (tmp_path / "data.jsonl").write_text(json.dumps({"prompt": "a", "completion": "b"}))
    built = SimpleNamespace(training_set_id=None, path=tmp_path, rows=1, manifest={})
    monkeypatch.setitem(sys.modules, "chat.lessons", SimpleNamespace(build=lambda now: built))
    assert owning.get(TRAIN).status_code == 200
    with django_capture_on_commit_callbacks() as callbacks:
        page = owning.post(TRAIN, follow=True).content.decode()
    assert "entrou na fila com 1 exemplos" in page
    queued = TrainingRun.objects.get()
    assert (queued.state, queued.requested_by, len(callbacks)) == (State.QUEUED, owner, 1)
    assert "Já há um treino" in owning.post(TRAIN).content.decode()
    assert TrainingRun.objects.count() == 1


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
