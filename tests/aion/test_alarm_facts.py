"""What is looked at again and again: each thing that goes wrong opens its alarm, and its end closes it."""

from __future__ import annotations

import shutil
from collections import namedtuple
from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from aion import alarm_facts
from aion.light import Level
from aion.lights import alarms_light, export_light
from aion.loop.lights import nights_light, watch_light
from chat import calibration, control
from inference.models import ProcessReport
from retrieval.models import RetrievalMetric
from telemetry import budgets
from telemetry.alarms.keeping import CALM
from telemetry.events import EventKind, Json, record
from telemetry.models import Alarm, AlarmChannel, AlarmDelivery, DatasetExport, Night
from telemetry.rollups import keeping

pytestmark = pytest.mark.django_db
TENANT = "default"
Usage = namedtuple("Usage", "total used free")
FINDING: dict[str, Json] = {"signal": "errors", "level": "breach", "before": 0.01, "since": 0.3, "count": 200}


@pytest.fixture(autouse=True)
def _healthy(monkeypatch):
    """A process that serves, room on the disk, a calibration that fits."""
    now = timezone.now()
    ProcessReport.objects.create(
        process="web-1", state="ready", base_model="fake", started_at=now, heartbeat_at=now + timedelta(days=1)
    )
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**12, 0, 10**12))
    fitting = calibration.CalibrationStatus("", {}, "")
    monkeypatch.setattr(calibration, "status", lambda: fitting)
    cache.clear()
    control.forget()
    yield
    control.forget()


def watch(**later: int) -> dict[str, str]:
    """The open alarms after a look then: code by kind."""
    keeping.keep()
    alarm_facts.watch(timezone.now() + timedelta(**later))
    return dict(Alarm.objects.filter(closed_at=None).values_list("kind", "code"))


def answers(count: int, **meta) -> None:
    for _number in range(count):
        record(EventKind.ANSWER, value=1, meta={"status": "answered", "source": "local"} | meta, tenant=TENANT)


def test_where_nothing_is_wrong_there_is_no_alarm_and_the_light_says_so():
    assert alarms_light().level is Level.AMBER, "nobody has looked yet"
    assert watch() == {}
    assert alarms_light().level is Level.GREEN


def test_a_model_that_is_gone_or_failed():
    ProcessReport.objects.update(heartbeat_at=timezone.now() - timedelta(minutes=5))
    assert watch() == {"model": "model_gone"}
    assert alarms_light().level is Level.RED
    ProcessReport.objects.update(heartbeat_at=timezone.now() + timedelta(days=1), state="failed", error="sem memória")
    assert watch() == {"model": "model_failed"}
    ProcessReport.objects.update(state="loading")
    assert watch(minutes=1) == {"model": "model_failed"}, "not over yet"
    assert watch(minutes=11) == {}


def test_failures_of_the_last_hour_and_what_was_turned_away():
    answers(18)
    answers(2, status="failed", error="generation_failed", source="failed")
    answers(50, status="failed", error="hung_up", source="failed")
    assert watch() == {"errors": "errors"}
    assert Alarm.objects.get().values["asked_count"] == 20
    answers(5, status="failed", error="engine_busy", source="failed")
    assert watch()["queue"] == "queue_full"


def test_a_disk_that_is_nearly_full_is_told_once_for_all_folders_on_it(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**12, 0, 10**9))
    assert watch() == {"disk": "disk_low"}
    assert Alarm.objects.count() == 1


def test_a_budget_is_told_at_once_and_stays_open_until_its_window_is_over():
    AlarmChannel.objects.create(tenant=TENANT, address="equipe@exemplo.com.br")

    def spend(usd: str) -> None:
        held = budgets.reserve(tenant=TENANT, max_cost_usd=Decimal(usd), user_id=1, key_id=None)
        budgets.settle(held.id, cost_usd=Decimal(usd))

    def told() -> list[str]:
        return list(AlarmDelivery.objects.order_by("id").values_list("notice", flat=True))

    spend("0.85")  # passes 50 and 80 % in one leap
    assert told() == ["opened"]
    assert watch() == {"budget": "day_reached"}
    spend("0.15")
    assert told() == ["opened", "escalated"]
    assert watch(minutes=2) == {"budget": "day_used_up"}
    assert Alarm.objects.count() == 1
    assert watch(days=1) == {}
    assert told() == ["opened", "escalated", "resolved"]


def test_too_much_that_goes_to_the_paid_api():
    answers(40)
    answers(9, source="fallback")
    assert watch() == {}, "fewer than fifty say nothing"
    answers(1, source="fallback")
    assert watch() == {"fallback_share": "share_high"}


def test_a_paid_model_that_is_spared_until_it_answers():
    control.revise({"fallback_allowed": True}, by=None, reason="teste")

    def attempt(*outcomes: str) -> None:
        tried = [{"model": "gpt-4o-mini", "outcome": outcome} for outcome in outcomes]
        record(EventKind.FALLBACK, value=0, meta={"attempts": tried}, tenant=TENANT)

    attempt("timeout")
    assert watch() == {}
    attempt("circuit_open")
    assert watch() == {"paid_model": "spared"}
    attempt("circuit_open", "answered")
    assert watch(minutes=11) == {}


def test_retrieval_below_its_limit():
    about = {"tenant": TENANT, "questions": 30, "mrr": 0.5, "r_at_8": 0.9}
    RetrievalMetric.objects.create(day=timezone.localdate() - timedelta(days=1), ndcg_at_10=0.9, **about)
    assert watch() == {}
    RetrievalMetric.objects.create(day=timezone.localdate(), ndcg_at_10=settings.AION_TAU_NDCG - 0.01, **about)
    assert watch() == {"retrieval": "ndcg_low"}


@pytest.mark.parametrize("changed", ["embedder", "settings", "documents"])
def test_a_calibration_that_no_longer_fits(monkeypatch, changed):
    stale = calibration.CalibrationStatus("", {}, changed)
    monkeypatch.setattr(calibration, "status", lambda: stale)
    assert watch() == {"calibration": f"{changed}_changed"}


def test_a_night_that_failed_until_one_ends_well_and_the_light_agrees():
    steps = [{"step": "train", "state": "failed", "said": "sem memória"}]
    Night.objects.create(tenant=TENANT, started_at=timezone.now(), state="failed", occasion="a", steps=steps)
    assert watch() == {"night": "night_failed"}
    assert nights_light().level is Level.RED
    Night.objects.create(tenant=TENANT, started_at=timezone.now(), state="done", occasion="b", decision="wait")
    assert watch(minutes=11) == {}
    assert nights_light().level is Level.GREEN


def test_an_export_that_failed_and_the_light_agrees():
    now = timezone.now()
    DatasetExport.objects.create(tenant=TENANT, state="failed", formats=[], since=now, until=now, error="disco cheio")
    assert watch() == {"export": "export_failed"}
    assert export_light().level is Level.RED


def test_what_the_watch_told_in_the_same_words_as_its_light():
    meta: dict[str, Json] = {"alarm": "rolled_back", "wishId": 1, "adapterId": 1, "adapter": "demo", "finding": FINDING}
    record(EventKind.LOOP, value=0, meta=meta, tenant=TENANT)
    assert watch() == {"watch": "watch_rolled_back"}
    assert Alarm.objects.get().values["said"] == watch_light().sentence


def test_a_look_that_fails_leaves_its_alarm_and_the_others_go_on(monkeypatch, caplog):
    ProcessReport.objects.update(state="failed", error="sem memória")
    assert watch() == {"model": "model_failed"}

    def broken(now):
        raise RuntimeError("boom")

    monkeypatch.setattr(alarm_facts, "LOOKS", dict(alarm_facts.LOOKS) | {"model": broken})
    now = timezone.now()
    DatasetExport.objects.create(tenant=TENANT, state="failed", formats=[], since=now, until=now, error="disco cheio")
    assert watch(minutes=int(2 * CALM.total_seconds() / 60)) == {"model": "model_failed", "export": "export_failed"}
    assert "boom" in caplog.text


def test_where_nobody_has_looked_for_a_while_the_light_says_so():
    alarm_facts.watch(timezone.now() - timedelta(minutes=16))
    assert alarms_light().level is Level.AMBER
