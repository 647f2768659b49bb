"""`/health` answers whatever is broken; `/ready` says what is."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from aion import health
from inference.engine import EngineState, EngineStatus


def serving(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    fields = {"state": EngineState.READY, "base_model": "SmolLM2"} | changes
    monkeypatch.setattr(health, "engine_status", lambda: EngineStatus(**fields))


def test_health_touches_no_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pytest-django's mark any query would fail."""
    serving(monkeypatch)
    body = client.get("/health").json()
    assert (body["base_model"], body["adapter_loaded"], body["service"]) == ("SmolLM2", False, "aion")


def test_a_served_adapter_shows(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, adapter="demo", adapter_digest="ab12")
    body = client.get("/health").json()
    assert (body["adapter_loaded"], body["merged"], body["adapter"]) == (True, False, "demo")


def test_a_merged_adapter_is_no_longer_loaded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, adapter="demo", adapter_digest="ab12", merged=True)
    body = client.get("/health").json()
    assert (body["adapter_loaded"], body["merged"]) == (False, True)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks that may take as long as a slow machine needs."""
    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 60)


@pytest.mark.django_db
@pytest.mark.usefixtures("patient")
def test_everything_there_is_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch)
    response = client.get("/ready")
    everything = ("database", "broker", "model", "migrations")
    assert response.json() == {"ready": True} | {name: {"ok": True} for name in everything}
    assert response.status_code == 200


@pytest.mark.django_db
def test_a_model_still_loading_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, state=EngineState.LOADING)
    response = client.get("/ready")
    assert (response.status_code, response.json()["ready"]) == (503, False)
    assert response.json()["model"] == {"ok": False, "detail": "loading"}


@pytest.mark.django_db
@pytest.mark.usefixtures("patient")
def test_a_broker_that_is_gone_is_named(client: Client, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    serving(monkeypatch)
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    response = client.get("/ready")
    assert (response.status_code, response.json()["broker"]["ok"]) == (503, False)
    assert response.json()["database"]["ok"]


def test_a_check_that_hangs_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    import threading

    forever = threading.Event()
    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 0.05)
    try:
        checks = health.run_checks({"slow": lambda: forever.wait() and health.Check(ok=True)})  # type: ignore[dict-item,return-value]
    finally:
        forever.set()
    assert not checks["slow"].ok


@pytest.mark.parametrize("path", ["/health", "/ready"])
@pytest.mark.django_db
@pytest.mark.usefixtures("patient")
def test_strangers_are_told_no_paths(client: Client, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    serving(monkeypatch, state=EngineState.FAILED, error="the model in /srv/secret cannot be read")
    answer = client.get(path).content.decode()
    assert "model_failed" in answer
    assert "/srv" not in answer


def test_an_adapter_that_is_not_served_shows_as_a_code(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    serving(monkeypatch, error="/srv/adapter does not fit")
    assert client.get("/health").json()["error"] == "adapter_not_served"
