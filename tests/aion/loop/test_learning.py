"""What has been learned, and a night's training that is brought to its end whatever happens to its process."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from aion import night_steps
from aion.loop.learning import learned
from inference import training_jobs
from inference.models import TrainingRun
from inference.training_lock import this_machine_name
from telemetry.events import new_event_id
from telemetry.models import TrainingSet
from telemetry.reviews import Verdict, decide
from telemetry.training_sets import taint
from tests.telemetry.answers import TENANT, record_answer

pytestmark = pytest.mark.django_db


def test_what_a_tainted_set_taught_is_to_be_taught_again() -> None:
    decide(record_answer("Quanto?", "98 € [1]."), Verdict.APPROVED, tenant=TENANT, by=1)
    made = TrainingSet.objects.create(
        id=new_event_id(), tenant=TENANT, created_at=timezone.now() + timedelta(hours=1), path="", rows=1, sha256=""
    )
    TrainingRun.objects.create(state="done", training_set_id=made.pk, dataset="d")
    assert learned(own_run=None).new_rows == 0
    taint([made.pk], reason="erasure")
    assert (learned(own_run=None).new_rows, learned(own_run=None).trained_before) == (1, True)


def test_a_training_whose_process_ended_halfway_is_begun_again(
    tmp_path: Path, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.AION_TRAIN_ROOT = tmp_path
    monkeypatch.setattr(night_steps, "LOOK_EVERY_S", 0.0)
    run = TrainingRun.objects.create(dataset="d")
    ends = iter([("running", ""), ("failed", "sem memória")])

    def child(run_id: int) -> int:
        state, error = next(ends)
        TrainingRun.objects.filter(pk=run_id).update(state=state, error=error, process=f"{this_machine_name()}:1")
        return 1

    monkeypatch.setattr(training_jobs, "_run_child", child)
    with pytest.raises(night_steps.StepRefused, match="sem memória"):
        night_steps.train(run.pk)
