"""Trainings queued, killed, stopped and resumed: real processes on a base model small enough to train in seconds."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from inference import tasks, training_jobs
from inference.adapter_config import CONFIG
from inference.checkpoints import SEAL, checkpoints_folder, newest_whole, private_folder, seal
from inference.exceptions import InferenceError, TrainingFailed, TrainingRefused
from inference.models import Adapter, TrainingRun
from inference.training_data import BadDataset
from inference.training_jobs import create_run, request_training, resume_training, run_training, stop_training
from inference.training_lock import this_machine_name, training_lock
from inference.training_run import perform
from inference.training_watch import Lines
from tests.inference.training_process import start_training

pytestmark = pytest.mark.django_db(transaction=True)

State = TrainingRun.State
PROFILE = {"rank": 4, "batch_size": 2, "epochs": 3, "lr": 5e-3, "checkpoint_s": 0.01}
SILENT = Lines(lambda line: None)
PATIENCE_S = 300


@pytest.fixture(scope="session")
def small_base(bundled_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers of 32, with the bundled model's words."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("base") / "small"
    folder.mkdir()
    for file in bundled_model.iterdir():
        if file.suffix in {".json", ".txt", ".jinja"} and file.name not in {"config.json", "aion-base.json"}:
            shutil.copy(file, folder / file.name)
    words = json.loads((bundled_model / "config.json").read_text())["vocab_size"]
    torch.manual_seed(3)
    config = LlamaConfig(
        vocab_size=words, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def _installation(small_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process and those it starts see the tests' database, the small base and a folder of this test's own."""
    root = tmp_path / "train"
    monkeypatch.setattr(settings, "AION_TRAIN_ROOT", root)
    monkeypatch.setenv("AION_TRAIN_ROOT", str(root))
    for name in ("AION_LORA_BASE", "AION_BASE_MODEL"):
        monkeypatch.setattr(settings, name, str(small_base))
        monkeypatch.setenv(name, str(small_base))
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    monkeypatch.setenv("DATABASE_URL", urlunsplit(database))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """24 short examples, of unequal length."""
    path = tmp_path / "data.jsonl"
    rows = [{"prompt": f"Quanto é {n}{' mais um' * (n % 5)}?", "completion": f"É {n} [1]."} for n in range(24)]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


@pytest.fixture
def training() -> Iterator[Callable[[TrainingRun], BaseProcess]]:
    """Start a run's own process, as the worker does."""
    started: list[BaseProcess] = []

    def start(run: TrainingRun) -> BaseProcess:
        connection.close()
        started.append(start_training(run.pk))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.join()


def wait_until(true: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


def has_reached(run: TrainingRun, step: int) -> bool:
    seals = checkpoints_folder(run.pk).glob(f"checkpoint-*/{SEAL}")
    return any(int(sealed.parent.name.removeprefix("checkpoint-")) >= step for sealed in seals)


def queued(dataset: Path, **profile: Any) -> TrainingRun:
    return create_run(dataset, profile=PROFILE | profile)


def losses(run: TrainingRun) -> list[float]:
    return [loss for _step, loss, _seconds in run.metrics["curve"]]


def test_killed_at_once_and_later_it_ends_with_the_very_losses_of_a_run_that_was_left_alone(
    dataset: Path, training: Callable[[TrainingRun], BaseProcess]
) -> None:
    alone = queued(dataset)
    perform(alone.pk, SILENT)
    alone.refresh_from_db()

    run = queued(dataset)
    for step in (2, 17):  # in the first pass over the data, and in the second
        process = training(run)
        wait_until(functools.partial(has_reached, run, step))
        process.kill()
        process.join()
        run.refresh_from_db()
        assert run.state == State.RUNNING
        training_jobs.settle_interrupted()
    run = run_training(run.pk)
    assert (run.state, run.resumed, run.step, run.steps) == (State.DONE, 2, 36, 36)
    assert losses(run) == losses(alone)
    assert run.metrics["tokens"] == alone.metrics["tokens"]
    assert run.adapter is not None
    assert run.adapter.state == Adapter.State.CANDIDATE
    assert not checkpoints_folder(run.pk).exists()
    assert run_training(run.pk).adapter == run.adapter  # a second delivery
    modules = json.loads((Path(run.out) / CONFIG).read_text())["target_modules"]
    assert modules == sorted(modules)  # the same bytes are the same adapter


def test_a_torn_checkpoint_is_left_for_the_one_before() -> None:
    folder = private_folder(checkpoints_folder(1))
    for step in (3, 6):
        checkpoint = folder / f"checkpoint-{step}"
        checkpoint.mkdir()
        (checkpoint / "weights").write_bytes(b"whole")
        seal(checkpoint, losses=[(1, 2.0, 0.5)], tokens=7)
    (folder / "checkpoint-6" / "weights").write_bytes(b"who")
    (folder / "checkpoint-9").mkdir()
    found = newest_whole(folder)
    assert found is not None
    assert (found.step, found.losses, found.tokens) == (3, [(1, 2.0, 0.5)], 7)
    assert [entry.name for entry in folder.iterdir()] == ["checkpoint-3"]


def test_a_checkpoint_folder_that_could_be_somebody_elses_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TrainingFailed):
        private_folder(tmp_path / "link")
    (tmp_path / "open").mkdir(mode=0o777)
    assert private_folder(tmp_path / "open").stat().st_mode & 0o777 == 0o700


def test_it_stops_when_asked_and_goes_on_when_asked(
    dataset: Path, training: Callable[[TrainingRun], BaseProcess]
) -> None:
    run = queued(dataset, epochs=400, checkpoint_s=60)
    process = training(run)
    wait_until(lambda: TrainingRun.objects.filter(pk=run.pk, step__gt=0).exists())
    with pytest.raises(TrainingRefused):
        request_training(dataset)
    stop_training(run.pk)
    process.join(PATIENCE_S)
    run.refresh_from_db()
    assert (run.state, run.stop_requested, run.heartbeat_at) == (State.STOPPED, False, None)
    found = newest_whole(checkpoints_folder(run.pk))
    assert found is not None
    assert found.step == run.step < run.steps
    assert resume_training(run.pk).state == State.QUEUED


def test_a_worker_that_ends_lets_its_training_write_a_checkpoint_and_the_next_start_goes_on(
    dataset: Path, training: Callable[[TrainingRun], BaseProcess]
) -> None:
    run = queued(dataset, epochs=400, checkpoint_s=60)
    process = training(run)
    wait_until(lambda: TrainingRun.objects.filter(pk=run.pk, step__gt=0).exists())
    process.terminate()
    process.join(PATIENCE_S)
    run.refresh_from_db()
    assert run.is_interrupted
    assert newest_whole(checkpoints_folder(run.pk)) is not None
    training_jobs.resume_interrupted()
    run.refresh_from_db()
    assert run.state == State.QUEUED


def test_of_two_requests_at_once_one_is_refused(dataset: Path) -> None:
    refused: list[InferenceError] = []

    def ask() -> None:
        try:
            request_training(dataset, profile=PROFILE)
        except TrainingRefused as exc:
            refused.append(exc)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(refused), TrainingRun.objects.count()) == (3, 1)


def test_without_a_broker_a_training_waits_and_the_night_runs_it_itself(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody_there(run_id: int) -> None:
        raise OperationalError("Error 2 connecting to unix socket")

    monkeypatch.setattr(tasks.train, "delay", nobody_there)
    run = request_training(dataset, training_set_id=None, profile=PROFILE)
    assert run.state == State.QUEUED


def test_while_a_training_holds_the_lock_no_other_process_begins(
    dataset: Path, training: Callable[[TrainingRun], BaseProcess]
) -> None:
    run = queued(dataset)
    with training_lock():
        process = training(run)
        process.join(PATIENCE_S)
        assert process.exitcode == 1
    run.refresh_from_db()
    assert (run.state, run.resumed) == (State.QUEUED, 0)


def test_a_run_that_never_gets_further_is_given_up(dataset: Path) -> None:
    run = queued(dataset)
    TrainingRun.objects.filter(pk=run.pk).update(fruitless=training_jobs.MOST_FRUITLESS_STARTS)
    run = run_training(run.pk)
    assert (run.state, run.finished_at is not None) == (State.FAILED, True)
    assert "3" in run.error


def test_another_dataset_under_the_same_name_is_not_learned(dataset: Path) -> None:
    run = queued(dataset)
    stop_training(run.pk)
    dataset.write_text(dataset.read_text() + "\n" + json.dumps({"prompt": "a", "completion": "b"}))
    with pytest.raises(TrainingRefused, match="conjunto de dados mudou"):
        resume_training(run.pk)


def test_another_base_is_not_trained_on(dataset: Path) -> None:
    run = queued(dataset)
    TrainingRun.objects.filter(pk=run.pk).update(state=State.STOPPED, base_sha256="0" * 64, process="x:1")
    with pytest.raises(TrainingRefused, match="modelo base"):
        resume_training(run.pk)


def test_a_done_training_is_neither_stopped_nor_resumed(dataset: Path) -> None:
    run = TrainingRun.objects.create(state=State.DONE, dataset=str(dataset))
    for act in (stop_training, resume_training):
        with pytest.raises(TrainingRefused):
            act(run.pk)


def test_a_heartbeat_tells_whether_another_machine_still_trains(dataset: Path) -> None:
    run = TrainingRun.objects.create(state=State.RUNNING, process="elsewhere:7", heartbeat_at=timezone.now())
    training_jobs.settle_interrupted()
    run.refresh_from_db()
    assert run.state == State.RUNNING
    TrainingRun.objects.filter(pk=run.pk).update(process=f"{this_machine_name()}:7")
    training_jobs.settle_interrupted()
    run.refresh_from_db()
    assert run.state == State.QUEUED


@pytest.mark.parametrize(
    ("profile", "words"),
    [({"lr": 1e30}, "divergiu"), ({"max_length": 3}, "mais de 3 tokens")],
    ids=["diverged", "all too long"],
)
def test_a_training_that_cannot_end_well_fails_with_words_and_leaves_nothing(
    dataset: Path, profile: dict[str, Any], words: str
) -> None:
    run = queued(dataset, **profile)
    with pytest.raises(TrainingFailed, match=words):
        perform(run.pk, SILENT)
    run.refresh_from_db()
    assert (run.state, run.adapter, Adapter.objects.count()) == (State.FAILED, None, 0)
    assert words in run.error
    assert not checkpoints_folder(run.pk).exists()
    assert not Path(run.out).parent.exists()


def test_one_row_is_enough_and_none_is_not(dataset: Path) -> None:
    dataset.write_text(json.dumps({"prompt": "Quanto?", "completion": "Um."}))
    run = queued(dataset, epochs=1)
    perform(run.pk, SILENT)
    run.refresh_from_db()
    assert (run.state, run.steps) == (State.DONE, 1)
    dataset.write_text("")
    with pytest.raises(BadDataset):
        request_training(dataset)


def test_a_full_disk_fails_the_training_with_words(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = queued(dataset)
    folder = private_folder(checkpoints_folder(run.pk))
    limit = "ulimit -f 60 && exec"  # 60 blocks of 512 or 1024 bytes: the first checkpoint does not fit
    command = f"{limit} {sys.executable} manage.py train_adapter --run {run.pk}"
    assert subprocess.run(["bash", "-c", command], cwd=settings.BASE_DIR).returncode == 1
    run.refresh_from_db()
    assert (run.state, run.adapter) == (State.FAILED, None)
    assert run.error
    assert not folder.exists()


def test_too_little_memory_is_said_before_anything_is_loaded(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from inference import sft
    from inference.machine import this_machine

    monkeypatch.setattr(sft, "this_machine", lambda: replace(this_machine(), free_bytes=10**8))
    run = queued(dataset)
    with pytest.raises(TrainingRefused, match="GB de memória"):
        perform(run.pk, SILENT)
    run.refresh_from_db()
    assert run.state == State.FAILED
