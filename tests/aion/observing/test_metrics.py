"""`/metrics`: who may read it, what it says, and that it says the rest where a part is gone."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from aion.observing import figures, parts, readings
from aion.observing.parts import Part, Parts
from chat.models import Calibration
from inference.engine import EngineState, EngineStatus
from telemetry.events import EventKind, Json, record
from telemetry.models import Night
from tests.aion.observing.conftest import TOKEN
from tests.telemetry.answers import record_answer

pytestmark = pytest.mark.usefixtures("open_figures")


def scrape(client: Client) -> dict[str, Metric]:
    response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    return {family.name: family for family in text_string_to_metric_families(response.content.decode())}


def value(said: dict[str, Metric], sample: str, **labels: str) -> float | None:
    found = [
        each.value
        for family in said.values()
        for each in family.samples
        if each.name == sample and labels.items() <= each.labels.items()
    ]
    return sum(found) if found else None


class TestWhoMayRead:
    def test_it_is_closed_while_no_token_is_set(self, client: Client, settings: Any) -> None:
        settings.AION_METRICS_TOKEN = ""
        response = client.get("/metrics", headers={"Authorization": "Bearer "})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "permission_denied")

    @pytest.mark.parametrize("sent", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
    def test_another_token_is_refused(self, client: Client, sent: str) -> None:
        response = client.get("/metrics", headers={"Authorization": sent})
        assert (response.status_code, response.json()["error"]["code"]) == (401, "not_authenticated")
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert b"aion_" not in response.content

    def test_an_administrator_without_the_token_is_refused(self, admin_client: Client) -> None:
        assert admin_client.get("/metrics").status_code == 401

    def test_nothing_can_be_posted(self, client: Client) -> None:
        assert client.post("/metrics").status_code == 405


@pytest.mark.django_db(transaction=True)
class TestWhatItSays:
    def test_a_question_counts_once_it_is_kept(self, client: Client) -> None:
        before = value(scrape(client), "aion_questions_total", route="local", reason="confident") or 0
        timings = {"embed": 20.0, "search": 30.0, "generate": 400.0, "total": 500.0}
        usage = {"input_tokens": 300, "output_tokens": 40}
        stages = value(scrape(client), "aion_question_stage_duration_seconds_sum", stage="generate") or 0
        tokens = value(scrape(client), "aion_tokens_total", route="local", direction="input") or 0
        record_answer("Quanto custa?", "Custa € 98 [1].", timings=timings, usage=usage)
        said = scrape(client)
        assert value(said, "aion_questions_total", route="local", reason="confident") == before + 1
        assert value(said, "aion_question_stage_duration_seconds_sum", stage="generate") == pytest.approx(stages + 0.4)
        assert value(said, "aion_tokens_total", route="local", direction="input") == tokens + 300

    def test_a_failure_counts_under_its_code_and_its_paid_attempts_too(self, client: Client) -> None:
        before = value(scrape(client), "aion_question_failures_total", code="fallback_failed:quota") or 0
        attempt: dict[str, Json] = {"model": "gpt-4o-mini", "outcome": "quota", "cost_usd": 0.0}
        meta: dict[str, Json] = {"source": "failed", "error": "fallback_failed:quota", "attempts": [attempt]}
        record(EventKind.ANSWER, value=0, meta=meta, tenant="default")
        said = scrape(client)
        assert value(said, "aion_question_failures_total", code="fallback_failed:quota") == before + 1
        assert value(said, "aion_paid_calls_total", model="gpt-4o-mini", outcome="quota")

    def test_what_the_paid_api_charged_is_added_up(self, client: Client) -> None:
        before = value(scrape(client), "aion_paid_cost_usd_total", model="large@other") or 0
        attempt: dict[str, Json] = {"model": "large@other", "outcome": "answered", "cost_usd": 0.25}
        record(EventKind.FALLBACK, value=0, meta={"attempts": [attempt]}, tenant="default")
        assert value(scrape(client), "aion_paid_cost_usd_total", model="large@other") == before + 0.25

    def test_an_event_that_was_rolled_back_does_not_count(self, client: Client) -> None:
        before = value(scrape(client), "aion_events_total", kind="answer") or 0
        with transaction.atomic():
            record_answer("a", "b")
            transaction.set_rollback(True)
        assert (value(scrape(client), "aion_events_total", kind="answer") or 0) == before

    def test_what_cannot_be_counted_harms_no_event(self) -> None:
        assert record(EventKind.ANSWER, value=1, meta={"timings": {"total": "soon"}}, tenant="default")

    def test_it_tells_the_budget_the_nights_and_the_calibration(self, client: Client) -> None:
        ended = timezone.now() - timedelta(hours=3)
        Night.objects.create(tenant="default", occasion="n", started_at=ended, finished_at=ended, state="failed")
        Calibration.objects.create(
            tenant="default", kind="confidence", active=True, embedder="another", generation=0, chunk_count=1,
            search_settings={}, weights={}, report={}, fitted_on="x",
        )  # fmt: skip
        said = scrape(client)
        assert value(said, "aion_budget_limit_usd", period="month") == 10
        assert value(said, "aion_night_state", state="failed") == 1
        assert value(said, "aion_night_state", state="done") == 0
        assert value(said, "aion_night_finished_timestamp_seconds") == pytest.approx(ended.timestamp())
        assert value(said, "aion_calibration_stale") == 1
        assert value(said, "aion_fallback_share_limit_ratio") == 0.18
        assert value(said, "aion_documents", state="ready") == 0
        assert value(said, "aion_disk_free_bytes", folder="data")
        assert value(said, "process_resident_memory_bytes")

    def test_the_engines_state_is_one_of_all(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        status = EngineStatus(EngineState.READY, "m", adapter="demo", adapter_digest="ab", queue_length=3)
        monkeypatch.setattr(readings, "engine_status", lambda: status)
        said = scrape(client)
        assert value(said, "aion_engine_state", state="ready") == 1
        assert value(said, "aion_engine_state", state="failed") == 0
        assert value(said, "aion_adapter_info", adapter="demo", digest="ab", merged="false") == 1
        assert value(said, "aion_engine_queue_length") == 3

    def test_addresses_are_counted_by_their_pattern(self, client: Client) -> None:
        for path in ("/api/ai/conversations/1b4e28ba-2fa1-11d2-883f-0016d3cca427", "/no/such/place/123.456.789-09"):
            client.get(path)
        said = scrape(client)
        text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
        assert value(said, "aion_http_requests_total", route="unmatched", status="404")
        assert "1b4e28ba" not in text
        assert "123.456" not in text

    @pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian's package prometheus) is not here")
    def test_prometheus_finds_nothing_to_mend(self, client: Client) -> None:
        record_answer("a", "b", timings={"total": 5.0})
        text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content
        checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, b"")


@pytest.mark.django_db(transaction=True)
class TestWhatIsGone:
    def test_without_its_queue_the_rest_is_said(self, client: Client, settings: Any) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        said = scrape(client)
        assert value(said, "aion_up", part="broker") == 0
        assert value(said, "aion_up", part="database") == 1
        assert value(said, "aion_budget_limit_usd", period="day") == 1
        assert value(said, "aion_task_queue_length") is None

    def test_without_its_database_the_rest_is_said(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        scrape(client)
        for part in readings.ASIDE:
            part.asked_at = -float("inf")
        monkeypatch.setattr(transaction, "atomic", _gone)
        said = scrape(client)
        assert value(said, "aion_up", part="database") == 0
        assert value(said, "aion_up", part="broker") == 1
        assert value(said, "aion_budget_limit_usd") is None  # what was known before would pass for what holds now
        assert value(said, "aion_engine_queue_length") is not None

    def test_a_part_that_hangs_holds_up_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts, "PATIENCE_S", 0.05)
        forever = threading.Event()
        known = Part("known", lambda: [readings.gauge("known", "x", 1)], every_s=60)
        hanging = Part("hanging", lambda: forever.wait() and [], every_s=0)  # type: ignore[arg-type,return-value]
        both = Parts([hanging, known])
        try:
            while not known.is_up:
                list(both.collect())
            began = time.monotonic()
            (up, gauge) = both.collect()
            assert time.monotonic() - began < 5
            assert [sample.labels["part"] for sample in up.samples] == ["known"]
            assert gauge.name == "aion_known"
            hanging.asked_at -= parts.HANGS_AFTER_S + 1
            (up, _gauge) = both.collect()
            assert {sample.labels["part"]: sample.value for sample in up.samples} == {"known": 1, "hanging": 0}
        finally:
            forever.set()


def _gone(*_args: object, **_more: object) -> Any:
    from django.db import OperationalError

    raise OperationalError("the server closed the connection unexpectedly")


def test_labels_take_so_many_values_and_no_more() -> None:
    bounded = figures.Bounded()
    told = {bounded(f"model-{number}") for number in range(1000)}
    assert len(told) == figures.MOST_VALUES + 1
    assert figures.OTHER in told
    assert bounded("model-0") == "model-0"
