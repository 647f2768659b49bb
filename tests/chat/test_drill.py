"""The drill: a real small question to every paid model, through the real client, and what staff read of it."""

from __future__ import annotations

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.translation import override

from chat import control, paid_call, paid_wording
from chat.breaker import FAILURES, breaker_of
from chat.drill import drill_fallback, most_a_drill_costs_usd
from chat.exceptions import FallbackUnavailable
from telemetry import budgets, pricing
from telemetry.ledger import ledger_faults
from telemetry.models import BudgetLimit, Event, LedgerEntry, Reservation
from tests.chat.conftest import STAFF

COST = pricing.PRICES["gpt-4o-mini"].cost_usd(500, 20)
FIRST, SECOND = "gpt-4o-mini@first", "gpt-4o-mini@second"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_long_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paid_call, "TIMEOUT_S", 0.4)
    monkeypatch.setattr(paid_call, "RECONNECT_S", 0.01)


def spent() -> Decimal:
    return sum(LedgerEntry.objects.filter(limit__period="day").values_list("spent_delta_usd", flat=True), Decimal(0))


def test_every_model_of_the_order_is_really_asked_and_charged(providers, settings) -> None:
    settings.AION_FALLBACK_ENABLED = False
    control.forget()
    drill = drill_fallback(control.current(), asker=STAFF)
    assert drill.works
    assert [(attempt.model, attempt.outcome, attempt.cost_usd) for attempt in drill.attempts] == [
        (FIRST, "answered", COST),
        (SECOND, "answered", COST),
    ]
    assert all(attempt.first_token_ms > 0 for attempt in drill.attempts)
    assert spent() == 2 * COST
    assert drill.left_usd["day"] == budgets.status(settings.PRIMARY_TENANT_ID).periods[0].limit_usd - 2 * COST
    assert set(Reservation.objects.values_list("tag", "state")) == {("drill", "settled")}
    assert ledger_faults() == ()


def test_it_costs_no_more_than_it_said(providers) -> None:
    said = most_a_drill_costs_usd(control.current())
    for server in providers.values():
        server.usage = None  # charged at the maximum
    drill = drill_fallback(control.current(), asker=STAFF)
    assert sum(attempt.cost_usd for attempt in drill.attempts) == said == spent()


def test_its_question_holds_a_planted_identifier_that_does_not_leave(providers) -> None:
    drill = drill_fallback(control.current(), asker=STAFF)
    assert drill.masked_kinds == ("CPF",)
    raw = providers["first"].requests[0]["raw"]
    assert "529" not in raw
    assert "[CPF_1]" in raw


def test_it_is_no_question_of_a_person(providers) -> None:
    drill_fallback(control.current(), asker=STAFF)
    assert not Event.objects.exists()


def test_one_that_fails_is_told_beside_one_that_works(providers) -> None:
    providers["first"].behaviour = "401"
    drill = drill_fallback(control.current(), asker=STAFF)
    assert drill.works
    with override("pt-br"):
        told = list(paid_wording.drill_in_words(drill))
    assert told[0] == "O fallback funciona: 1 modelo respondeu."
    assert told[1] == "Retirado antes do envio: CPF."
    assert "não aceita a chave" in told[2]
    assert "US$ 0,000000 cobrados" in told[2]
    assert told[3].startswith(f"{SECOND} (127.0.0.1:")
    assert "500 tokens lidos, 20 escritos" in told[3]
    assert told[4].startswith("Restam no orçamento: US$ ")


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("401", "não aceita a chave"),
        ("404", "não é conhecido lá"),
        ("422", "HTTP 422"),
        ("429", "não aceita mais perguntas"),
        ("500", "falhou por conta própria"),
        ("silent", "não respondeu em"),
        ("garbage", "não dá para ler"),
        ("nothing", "interrompeu"),
    ],
)
def test_each_failure_is_told_with_its_mend_and_never_in_the_providers_words(providers, behaviour, words) -> None:
    for server in providers.values():
        server.behaviour = behaviour
    drill = drill_fallback(control.current(), asker=STAFF)
    assert not drill.works
    with override("pt-br"):
        told = "\n".join(paid_wording.drill_in_words(drill))
    assert told.startswith("O fallback não funciona: nenhum modelo respondeu.")
    assert words in told
    assert '"no"' not in told
    assert ledger_faults() == ()
    assert not Reservation.objects.filter(state=Reservation.State.OPEN).exists()


def test_an_open_circuit_is_tried_early_and_closed_by_success(providers) -> None:
    circuit = breaker_of(FIRST)
    for _ in range(FAILURES):
        ticket = circuit.enter()
        assert ticket is not None
        circuit.leave(ticket, works=False)
    assert drill_fallback(control.current(), asker=STAFF).attempts[0].outcome == "answered"
    assert circuit.open_circuit() is None


def test_without_room_in_the_budget_nothing_is_sent(providers, settings) -> None:
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=0)
    with pytest.raises(FallbackUnavailable):
        drill_fallback(control.current(), asker=STAFF)
    assert providers["first"].requests == []


def test_models_that_the_budget_does_not_reach_are_named(providers, settings) -> None:
    settings.AION_FALLBACK_MODEL = f"{FIRST}, gpt-4@second"
    control.forget()
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=Decimal("0.001"))
    drill = drill_fallback(control.current(), asker=STAFF)
    assert drill.works
    assert drill.untried == ("gpt-4@second",)


def test_the_command_prints_one_object_and_fails_where_nobody_answers(providers) -> None:
    out = StringIO()
    call_command("drill_fallback", "--json", stdout=out)
    told = json.loads(out.getvalue())
    assert told["works"] is True
    assert [attempt["model"] for attempt in told["attempts"]] == [FIRST, SECOND]
    assert told["attempts"][0]["cost_usd"] == pytest.approx(float(COST))
    assert "sk-first" not in out.getvalue()
    for server in providers.values():
        server.behaviour = "500"
    with pytest.raises(SystemExit):
        call_command("drill_fallback", stdout=StringIO())


def test_the_command_says_that_the_budget_has_no_room(providers, settings) -> None:
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=0)
    with override("pt-br"), pytest.raises(CommandError, match="O orçamento não comporta o teste"):
        call_command("drill_fallback")
