"""A line of the log: what it tells, and what is masked in it."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

import pytest

from aion.observing.logs import HIDDEN, LONGEST, JsonLines, Masked, mask
from telemetry import correlation


def line(message: str, *args: object, **more: Any) -> logging.LogRecord:
    record = logging.LogRecord("chat.errors", logging.WARNING, __file__, 1, message, args, more.pop("exc_info", None))
    record.__dict__ |= more
    return record


def test_a_line_is_one_object_with_the_id_of_its_request() -> None:
    with correlation.working_for("pedido-0123456789-0123456789"):
        told = json.loads(JsonLines().format(line("two\nlines of %s", "text")))
    assert (told["message"], told["level"], told["logger"]) == ("two\nlines of text", "warning", "chat.errors")
    assert told["request_id"] == "pedido-0123456789-0123456789"
    assert told["time"].endswith("+00:00")


def test_what_libraries_hang_on_a_record_is_left_out() -> None:
    told = json.loads(JsonLines().format(line("received", request="GET /?q=segredo", data={"args": "segredo"})))
    assert set(told) == {"time", "level", "logger", "message", "process"}


@pytest.mark.parametrize(
    "planted",
    [
        "529.982.247-25",
        "maria.plantada@example.org",
        "aion_PlantedKey0123456789",
        "sk-proj-plantedKey0123456789",
        "Bearer planted.token.value",
        "postgres://aion:planted-password@db.example.org/aion",
        "GET /login?password=planted-password",
    ],
)
@pytest.mark.parametrize("formatter", [JsonLines(), Masked("%(message)s")], ids=["json", "text"])
def test_keys_and_personal_data_are_masked_in_message_and_traceback(formatter: Any, planted: str) -> None:
    try:
        raise ValueError(f"cannot use {planted}")
    except ValueError:
        written = formatter.format(line("failed: %s", planted, exc_info=sys.exc_info()))
    for part in (planted, "planted-password", "529.982", "plantedKey", "PlantedKey"):
        assert part not in written
    assert "ValueError: cannot use" in written


def test_this_installations_own_secrets_are_masked_whatever_they_look_like(settings: Any) -> None:
    settings.SECRET_KEY = "correct horse battery"
    settings.AION_FALLBACK_PROVIDERS = {"other": {"base_url": "https://x.example", "api_key": "k3y.of.other"}}
    assert mask("a correct horse battery and k3y.of.other") == f"a {HIDDEN} and {HIDDEN}"


def test_an_endless_line_is_cut_at_its_beginning() -> None:
    written = mask("x " * LONGEST + "the end")
    assert len(written) <= LONGEST + len(HIDDEN)
    assert written.endswith("the end")


def test_ordinary_lines_stay_as_they_are() -> None:
    said = "Task aion.tasks.watch_adapter[6f1e2e0c-8f3a-4b6e-9e37-0d8f1c0a7b11] succeeded in 0.0221s: None"
    assert mask(said) == said
