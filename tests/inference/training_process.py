"""A run's training in a process of its own, forked from one that has imported the libraries: they take ten seconds."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from multiprocessing.process import BaseProcess
from pathlib import Path

_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["inference.sft"])


def start_training(run_id: int) -> BaseProcess:
    """As `manage.py train_adapter --run` does it."""
    process = _processes.Process(target=_train, args=(dict(os.environ), run_id))
    process.start()
    return process


def _train(environment: Mapping[str, str], run_id: int) -> None:
    os.environ |= environment

    import django
    from django.conf import settings
    from django.core.management import call_command

    django.setup()
    settings.AION_TRAIN_ROOT = Path(environment["AION_TRAIN_ROOT"])  # read already, in an earlier test
    call_command("train_adapter", run=run_id)
