"""The dashboard and the alerts that come with AION: Prometheus takes them, and they name what `/metrics` gives."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from chat.models import Calibration
from retrieval.models import RetrievalMetric
from telemetry.models import DatasetExport, Night
from tests.aion.observing.conftest import TOKEN

FOLDER = Path(settings.BASE_DIR) / "docs" / "monitoring"
RULES, RULE_TESTS, DASHBOARD = (
    FOLDER / name for name in ("aion-rules.yml", "aion-rules.test.yml", "grafana-dashboard.json")
)
TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)
HISTOGRAM = ("bucket", "count", "sum")
NAMED = re.compile(r"\b(?:aion|process)_\w+")
WITH_PROMTOOL = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian's package prometheus) is not here"
)


def alerts() -> dict[str, str]:
    """The text of each alert, by its name."""
    _before, *each = RULES.read_text().split("- alert: ")
    return {text.split()[0]: text for text in each}


def expressions() -> list[str]:
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", ())]


@WITH_PROMTOOL
@pytest.mark.parametrize("check", [("check", "rules", RULES), ("test", "rules", RULE_TESTS)], ids=["check", "test"])
def test_prometheus_takes_the_rules(check: tuple[str, str, Path]) -> None:
    ran = subprocess.run(["promtool", *check], capture_output=True, text=True, cwd=FOLDER)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_says_what_happened_and_what_to_do_and_is_tested() -> None:
    tested = RULE_TESTS.read_text()
    for name, text in alerts().items():
        for part in ("summary:", "description:", "action:", "severity:"):
            assert part in text, (name, part)
        assert f'alertname="{name}"' in tested or f"alertname: {name}" in tested, name


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("open_figures")
def test_every_figure_that_an_alert_or_a_panel_names_is_given(client: Client) -> None:
    now = timezone.now()
    Night.objects.create(tenant="default", occasion="n", started_at=now, finished_at=now, state="done")
    DatasetExport.objects.create(tenant="default", since=now, until=now, finished_at=now, state="done", formats=[])
    RetrievalMetric.objects.create(tenant="default", day=now.date(), questions=1, ndcg_at_10=1, mrr=1, r_at_8=1)
    Calibration.objects.create(
        tenant="default", kind="confidence", active=True, embedder="e", generation=0, chunk_count=1,
        search_settings={}, weights={}, report={}, fitted_on="x",
    )  # fmt: skip
    text = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).content.decode()
    given = {name for name, kind in TYPE.findall(text) if kind != "histogram"}
    given |= {f"{name}_{part}" for name, kind in TYPE.findall(text) if kind == "histogram" for part in HISTOGRAM}
    named = set(NAMED.findall("\n".join([*expressions(), *alerts().values()])))
    assert len(named) > 30
    assert named <= given, named - given


def test_the_dashboard_asks_for_its_data_source() -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    variables = {variable["name"]: variable["type"] for variable in dashboard["templating"]["list"]}
    assert variables["datasource"] == "datasource"
    sources = {panel["datasource"]["uid"] for panel in dashboard["panels"] if "datasource" in panel}
    assert sources == {"${datasource}"}


def test_the_example_of_prometheus_reads_the_address_that_is_served() -> None:
    assert "metrics_path: /metrics" in (FOLDER / "prometheus.yml").read_text()
