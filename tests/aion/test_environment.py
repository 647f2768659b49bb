"""The environment: every variable is documented, and a wrong value is named with what it should be."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils.translation import override

from aion.checks import check_environment
from aion.environment import Environment

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
        ("AION_DOCUMENT_ROOTS", "/srv/documents,share", "caminhos absolutos"),
        ("AION_EVENTS_JSONL", "/dev/null/events.jsonl", "/dev/null"),
        ("DATABASE_URL", "mysql://db/aion", "postgres://"),
        ("REDIS_URL", "localhost", "redis://"),
        ("EMAIL_URL", "mail.example.org", "smtp+tls://"),
        ("EMAIL_URL", "smtps://mail.example.org", "smtp+ssl://"),
        ("EMAIL_URL", "smtp://mail.example.org:porta", "smtp+tls://"),
        ("AION_WEBHOOK_NETWORKS", "10.0.0.1/8", "192.168.10.0/24"),
        ("AION_PUBLIC_URL", "aion.example.org", "https://"),
        ("AION_BUDGET_USD_DAY", "-1", "0 a"),
        ("AION_FALLBACK_PROVIDERS", "maritaca", "JSON"),
        ("AION_FALLBACK_PROVIDERS", '["maritaca"]', "JSON"),
        ("AION_FALLBACK_PROVIDERS", '{"Other One": {"base_url": "https://api.example.org/v1"}}', "minúsculas"),
        ("AION_FALLBACK_PROVIDERS", '{"other": {"base_url": "api.example.org"}}', "base_url"),
        ("AION_FALLBACK_PROVIDERS", '{"other": {"api_key": "sk-1"}}', "base_url"),
        ("AION_FALLBACK_PROVIDERS", '{"other": {"base_url": "https://api.example.org/v1", "api_key": 7}}', "api_key"),
        (
            "AION_FALLBACK_PROVIDERS",
            '{"other": {"base_url": "https://api.example.org/v1", "secret": "sk-1"}}',
            "api_key",
        ),
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


def test_another_provider_with_its_key_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "AION_FALLBACK_ENABLED", True)
    monkeypatch.setattr(settings, "AION_FALLBACK_MODEL", "large@other")
    monkeypatch.setattr(settings, "AION_FALLBACK_PROVIDERS", {"other": {"base_url": "https://api.example.org/v1"}})
    assert check_environment(None) == []


def test_a_model_of_a_provider_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "AION_FALLBACK_MODEL", "large@other")
    with override("pt-br"):
        (error,) = check_environment(None)
    assert error.id == "aion.E003"
    assert "AION_FALLBACK_MODEL" in error.msg
    assert "“other”" in str(error.hint)


def test_a_provider_in_the_environment_file_is_read_as_the_example_shows_it(tmp_path: Path) -> None:
    example = (settings.BASE_DIR / ".env.example").read_text()
    (line,) = re.findall(r"^#(AION_FALLBACK_PROVIDERS=.*)$", example, re.MULTILINE)
    (tmp_path / "env").write_text(f"{line}\n")
    print_it = "from django.conf import settings; print(settings.AION_FALLBACK_PROVIDERS['other']['base_url'])"
    result = manage("shell", "--no-imports", "-c", print_it, AION_ENV_FILE=str(tmp_path / "env"))
    assert result.stdout.strip() == "https://api.example.org/v1"


def test_a_wrong_provider_is_named_without_its_key() -> None:
    result = manage("check", AION_FALLBACK_PROVIDERS='{"other": {"api_key": "sk-secret"}}')
    assert result.returncode == 1
    assert "AION_FALLBACK_PROVIDERS" in result.stderr
    assert "sk-secret" not in result.stderr + result.stdout


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


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", ("", None, "aion@localhost")),
        ("smtp://mail.example.org", ("mail.example.org", 25, "aion@mail.example.org")),
        ("smtp+tls://chave:a%40b@mail.example.org", ("mail.example.org", 587, "aion@mail.example.org")),
        ("smtp+ssl://aion%40exemplo.org:s@mail.example.org:2465", ("mail.example.org", 2465, "aion@exemplo.org")),
    ],
)
def test_a_mail_server_is_one_variable(url: str, expected: tuple[str, int | None, str]) -> None:
    mail = Environment({"EMAIL_URL": url}).email("EMAIL_URL")
    assert (mail.settings["EMAIL_HOST"], mail.settings.get("EMAIL_PORT"), mail.sender) == expected
    if "tls" in url:
        assert (mail.settings["EMAIL_USE_TLS"], mail.settings["EMAIL_HOST_PASSWORD"]) == (True, "a@b")
    if "ssl" in url:
        assert mail.settings["EMAIL_USE_SSL"] is True
