"""A night run whole: what it does, how it fails, how it is taken up, and that there is never more than one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from aion.autopilot import NightRefused, notice_interrupted, run_night
from aion.loop.decision import Measured
from telemetry.models import Event, Night
from tests.aion.loop.nights import CALM, Rooms

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()
BASE = __file__.rsplit("/tests/", 1)[0]
WHOLE = ["export", "gather", "build", "request", "train 7", "examine", "promote 700", "refit"]


def steps_of(night: Night) -> list[tuple[str, str]]:
    return [(step["step"], step["state"]) for step in night.steps]


def alarms() -> list[str]:
    return [meta["alarm"] for meta in Event.objects.filter(kind="loop").order_by("id").values_list("meta", flat=True)]


def test_three_nights_in_a_row_promote_refuse_and_hold() -> None:
    promoting, refusing = Rooms(), Rooms(promotes=False)
    holding = Rooms(facts=replace(CALM, ndcg_golden=Measured(0.5, 60)))
    for nights_ago, rooms in enumerate((promoting, refusing, holding)):
        run_night(NOW + timedelta(days=nights_ago), steps=rooms.steps(), occasion=f"noite {nights_ago}")
    assert promoting.asked == WHOLE
    assert refusing.asked == WHOLE[:6]
    assert holding.asked == ["export", "gather"]
    first, second, third = Night.objects.order_by("id")
    assert {night.state for night in (first, second, third)} == {"done"}
    assert (first.training_run_id, first.adapter_id, first.examination_id) == (7, 70, 700)
    assert second.examination_id == 700
    assert third.decision == "retrieval_low"
    assert third.training_set_id is None
    assert alarms() == ["retrieval_low"]
    assert first.facts["ndcg_golden"] == {"value": 0.9, "count": 60}
    assert [step["said"] for step in first.steps][:3] == ["12 linhas", "", "40 linhas"]


@pytest.mark.parametrize("step", ["export", "gather", "build", "request", "train", "examine", "promote", "refit"])
def test_a_step_that_fails_stops_the_night_with_words_and_an_alarm(step: str) -> None:
    def fail() -> None:
        raise OSError("o disco encheu")

    rooms = Rooms(at={step: fail})
    night = run_night(NOW, steps=rooms.steps())
    assert rooms.asked[-1].startswith(step)
    assert night.state == "failed"
    assert night.steps[-1]["said"] == "o disco encheu"
    assert night.steps[-1]["state"] == "failed"
    assert night.finished_at is not None
    assert alarms() == ["failed"]


def test_a_failed_night_is_not_taken_up_but_begun_anew() -> None:
    def fail() -> None:
        raise OSError("o disco encheu")

    run_night(NOW, steps=Rooms(at={"train": fail}).steps())
    again = Rooms()
    run_night(NOW, steps=again.steps())
    assert again.asked == WHOLE


class Killed(BaseException):
    """As a kill looks from inside: nothing is tidied up."""


KILLED_AT = {
    "export": WHOLE,
    "gather": WHOLE,
    "build": WHOLE,
    "request": ["export", "gather", "request", "train 7", "examine", "promote 700", "refit"],
    "train": ["export", "gather", "train 7", "examine", "promote 700", "refit"],
    "examine": ["export", "gather", "examine", "promote 700", "refit"],
    "promote": ["export", "gather", "examine", "promote 700", "refit"],
    "refit": ["export", "gather", "examine", "promote 700", "refit"],
}


@pytest.mark.parametrize("step", KILLED_AT)
def test_what_an_interrupted_night_had_made_is_taken_up_by_the_next(step: str) -> None:
    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        run_night(NOW, steps=Rooms(at={step: die}).steps(), occasion="2026-11-23")
    assert Night.objects.get().state == "running"
    again = Rooms()
    night = run_night(NOW, steps=again.steps(), occasion="2026-11-23")
    assert again.asked == KILLED_AT[step]
    before = Night.objects.exclude(pk=night.pk).get()
    assert before.state == "interrupted"
    assert before.steps[-1]["state"] == "interrupted"
    assert alarms() == ["interrupted"]
    assert (night.state, night.adapter_id, night.examination_id) == ("done", 70, 700)
    assert night.training_set_id is not None


def test_an_interrupted_night_is_not_taken_up_where_somebody_in_its_set_was_erased() -> None:
    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        run_night(NOW, steps=Rooms(at={"train": die}).steps())
    again = Rooms(clean=False)
    run_night(NOW, steps=again.steps())
    assert again.asked == WHOLE


SLEEPER = """
import os, django
django.setup()
from django.conf import settings
settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
import time
from django.utils import timezone
from aion.autopilot import run_night
from tests.aion.loop.nights import Rooms
def sleep():
    print("here", flush=True)
    time.sleep(600)
run_night(timezone.now(), steps=Rooms(at={"train": sleep}).steps(), occasion="hoje")
"""


def test_a_night_killed_with_9_frees_the_lock_and_is_found_interrupted() -> None:
    environment = os.environ | {"TEST_DATABASE": connection.settings_dict["NAME"]}
    process = subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdout=subprocess.PIPE, text=True, env=environment, cwd=BASE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "here\n"
    with pytest.raises(NightRefused, match="em andamento"):
        run_night(NOW, steps=Rooms().steps())
    assert notice_interrupted() == 0
    process.send_signal(signal.SIGKILL)
    process.wait()
    waiting = threading.Event()
    while not notice_interrupted():  # PostgreSQL notices within moments that the process is gone
        waiting.wait(0.1)
    night = Night.objects.get()
    assert steps_of(night)[-1] == ("train", "interrupted")
    assert night.training_run_id == 7
    again = Rooms()
    run_night(NOW, steps=again.steps(), occasion="hoje")
    assert again.asked == KILLED_AT["train"]


def test_a_second_delivery_of_a_night_does_nothing() -> None:
    run_night(NOW, steps=Rooms().steps(), occasion="2026-11-23")
    second = Rooms()
    with pytest.raises(NightRefused, match="já foi feita"):
        run_night(NOW, steps=second.steps(), occasion="2026-11-23")
    assert second.asked == []
    assert Night.objects.count() == 1


def test_two_nights_never_run_at_once() -> None:
    other = Rooms()

    def meanwhile() -> None:
        with pytest.raises(NightRefused):
            run_night(NOW, steps=other.steps())

    rooms = Rooms(at={"train": meanwhile})
    assert run_night(NOW, steps=rooms.steps()).state == "done"
    assert other.asked == []


def test_a_dry_run_writes_nothing_but_its_own_row() -> None:
    rooms = Rooms(facts=replace(CALM, ndcg_golden=Measured(0.5, 60)))
    night = run_night(NOW, dry_run=True, steps=rooms.steps())
    assert rooms.asked == ["gather"]
    assert (night.state, night.decision, night.dry_run) == ("done", "retrieval_low", True)
    assert steps_of(night) == [("decide", "done")]
    assert alarms() == []


def test_a_dry_run_leaves_an_interrupted_night_to_the_next_real_one() -> None:
    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        run_night(NOW, steps=Rooms(at={"train": die}).steps())
    assert run_night(NOW, dry_run=True, steps=Rooms().steps()).decision == "resume"
    real = Rooms()
    assert run_night(NOW, steps=real.steps()).decision == "resume"
    assert real.asked == KILLED_AT["train"]
    assert isinstance(Night.objects.order_by("id")[0].training_set_id, UUID)
