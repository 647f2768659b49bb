"""`manage.py ask`: the body of the chat call, from the shell."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from inference.backends.fake import FakeEngine
from inference.exceptions import EngineUnavailable

PRICE = "Quanto custa o passeio de dia inteiro em Sintra por adulto?"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]


def run(*arguments) -> str:
    out = StringIO()
    call_command("ask", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_json_is_the_body_of_the_chat_call():
    FakeEngine.script("O passeio de dia inteiro custa € 98 por adulto [1].")
    body = json.loads(run(PRICE, "--json", "--tau", "0"))
    assert (body["used"], body["tau"], body["mode"]) == ("local", 0.0, "generated")
    assert body["sources"][0]["cited"] is True
    assert body["query"] == PRICE


def test_without_json_it_is_for_people():
    FakeEngine.script("O passeio de dia inteiro custa € 98 por adulto [1].")
    said = run(PRICE, "--tau", "0")
    assert "€ 98" in said
    assert "[1] Sintra dia inteiro" in said


def test_it_warns_that_the_confidence_was_fitted_for_something_else():
    body = json.loads(run(PRICE, "--json", "--tau", "0"))
    assert any("confian" in warning for warning in body["warnings"])  # the shipped one was fitted for another


def test_it_can_stop_after_the_route():
    assert json.loads(run(PRICE, "--json", "--tau", "1", "--no-generate"))["used"] == "abstain"
    assert not FakeEngine.requests


def test_forcing_asks_for_the_paid_api():
    assert json.loads(run(PRICE, "--json", "--force-fallback"))["reason"] == "forced"


def test_a_failure_is_the_error_object_and_a_status():
    FakeEngine.script(EngineUnavailable("no model"))
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("ask", PRICE, "--json", "--tau", "0", stdout=out, stderr=StringIO())
    assert ended.value.code == 1
    assert json.loads(out.getvalue())["error"]["code"] == "engine_unavailable"


def test_a_bad_question_is_named():
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("ask", "  ", "--json", stdout=out, stderr=StringIO())
    assert json.loads(out.getvalue())["error"]["code"] == "invalid_request"
