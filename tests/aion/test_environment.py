"""The environment: every variable is documented, and a wrong value is named with what it should be."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.utils.translation import override

from aion.checks import check_environment

ONLY_BEFORE_SETTINGS = {"AION_VAR_DIR"}
DOCUMENTED = re.compile(r"^#([A-Z][A-Z0-9_]+)=", re.MULTILINE)


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )


def test_the_example_names_every_variable_that_the_settings_read_and_no_other() -> None:
    documented = DOCUMENTED.findall((settings.BASE_DIR / ".env.example").read_text())
    assert len(documented) == len(set(documented))
    assert set(documented) == settings.ENVIRONMENT.names | ONLY_BEFORE_SETTINGS


@pytest.mark.parametrize(
    ("variable", "value", "mend"),
    [
        ("AION_PORT", "abc", "1 a 65535"),
        ("AION_PORT", "70000", "1 a 65535"),
        ("AION_TAU_CONFIDENCE", "2", "0 a 1"),
        ("AION_TAU_CONFIDENCE", "nan", "0 a 1"),
        ("AION_OPEN_CHAT", "maybe", "true"),
        ("AION_LOAD_IN_4BIT", "4", "true"),
        ("AION_ALLOWED_ORIGINS", "www.example.org", "https://www.example.org"),
        ("AION_TIME_ZONE", "Brasília", "America/Sao_Paulo"),
        ("AION_LOCAL_LLM_URL", "localhost:8000", "http://"),
        ("AION_EVENTS_JSONL", "/dev/null/events.jsonl", "/dev/null"),
        ("DATABASE_URL", "mysql://db/aion", "postgres://"),
        ("REDIS_URL", "localhost", "redis://"),
        ("AION_BUDGET_USD_DAY", "-1", "0 a"),
    ],
)
def test_a_wrong_value_is_named_with_its_mend(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, mend: str
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setattr(settings, "ENVIRONMENT", settings_read_afresh()["ENVIRONMENT"])
    with override("pt-br"):
        (error,) = check_environment(None)
    assert variable in error.msg
    assert mend in str(error.hint)


def test_every_wrong_value_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AION_TOP_P", "1.5")
    monkeypatch.setenv("AION_MAX_NEW_TOKENS", "0")
    problems = settings_read_afresh()["ENVIRONMENT"].problems
    assert {problem.variable for problem in problems} == {"AION_TOP_P", "AION_MAX_NEW_TOKENS"}


def test_an_empty_value_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AION_TAU_CONFIDENCE", "")
    fresh = settings_read_afresh()
    assert fresh["AION_TAU_CONFIDENCE"] == 0.62
    assert not fresh["ENVIRONMENT"].problems


def test_the_paid_api_without_its_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "AION_FALLBACK_ENABLED", True)
    monkeypatch.setattr(settings, "OPENAI_API_KEY", "")
    assert [error.id for error in check_environment(None)] == ["aion.E002"]


def test_no_command_runs_on_a_wrong_value() -> None:
    result = manage("check", AION_TAU_CONFIDENCE="2")
    assert result.returncode == 1
    assert "AION_TAU_CONFIDENCE" in result.stderr


def test_a_folder_that_cannot_be_written_is_named_before_anything_starts() -> None:
    result = manage("up", AION_VAR_DIR="/dev/null/var")
    assert result.returncode == 1
    assert "AION_VAR_DIR" in result.stderr
    assert "Traceback" not in result.stderr


def settings_read_afresh() -> dict[str, Any]:
    """What aion/settings.py holds under the environment of this moment."""
    return runpy.run_path(str(settings.BASE_DIR / "aion" / "settings.py"))
