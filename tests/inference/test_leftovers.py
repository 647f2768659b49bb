"""What killed processes left is removed at the next start, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from inference.leftovers import ABANDONED_AFTER_S, remove_leftovers
from inference.registry import fresh_folder, registry_folder

YOUNG, OLD = 0.0, ABANDONED_AFTER_S + 60


@pytest.fixture(autouse=True)
def models(tmp_path: Path, settings: Any) -> Path:
    settings.AION_TRAIN_ROOT = tmp_path / "train"
    settings.VAR_DIR = tmp_path / "var"
    folder = tmp_path / "var" / "models"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def ended() -> int:
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def left(folder: Path, *, age_s: float) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"half of it")
    then = time.time() - age_s
    os.utime(folder, (then, then))
    return folder


def test_an_adapter_that_never_arrived_is_removed_and_one_that_arrives_is_not() -> None:
    killed = left(registry_folder() / ".arriving-x", age_s=OLD)
    registered = left(registry_folder() / ("a" * 64), age_s=OLD)
    with fresh_folder() as arriving:
        remove_leftovers()
        assert arriving.is_dir()
    assert not killed.exists()
    assert registered.is_dir()


def test_a_merge_is_removed_whose_process_has_ended_or_whose_number_another_has(models: Path, ended: int) -> None:
    removed = [
        left(models / f".merged-aa-bb.{ended}", age_s=YOUNG),
        left(models / f".merged-aa-cc.{os.getpid()}", age_s=OLD),
    ]
    kept = [
        left(models / f".merged-aa-dd.{os.getpid()}", age_s=YOUNG),
        left(models / "merged-aa-ee", age_s=OLD),
        left(models / "smollm2-135m-instruct", age_s=OLD),
    ]
    remove_leftovers()
    assert not any(folder.exists() for folder in removed)
    assert all(folder.is_dir() for folder in kept)


def test_nothing_there_is_nothing_to_remove(models: Path) -> None:
    models.rmdir()
    remove_leftovers()
