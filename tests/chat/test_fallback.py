"""The paid API: the real client against a server that speaks the protocol, and the ways it fails. Money adds up."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chat import control, paid_call
from chat.answering import Answer, Question, Replaced, SentenceReleased, SourcesFound, answer, answer_stream
from chat.exceptions import FallbackFailed
from inference.backends.fake import FakeEngine
from inference.exceptions import EngineBusy, EngineUnavailable
from retrieval.models import Document
from telemetry import budgets, pricing
from telemetry.models import BudgetLimit, Event, LedgerEntry, Reservation
from tests.chat.conftest import STAFF, FullEngine

PRICE = "Quanto custa o passeio de dia inteiro em Sintra por adulto?"
COST = pricing.PRICES["gpt-4o-mini"].cost_usd(500, 20)
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]


def ask(text=PRICE, *, tau=1.0, **fields) -> Answer:
    return answer(Question(text, tau=tau, **fields), asker=STAFF)


def spent(settings) -> Decimal:
    """By the ledger, which no midnight empties."""
    entries = LedgerEntry.objects.filter(limit__tenant=settings.PRIMARY_TENANT_ID, limit__period="day")
    return sum(entries.values_list("spent_delta_usd", flat=True), Decimal(0))


def nothing_is_reserved(settings) -> bool:
    open_ones = Reservation.objects.filter(state=Reservation.State.OPEN).exists()
    return not open_ones and all(p.reserved_usd == 0 for p in budgets.status(settings.PRIMARY_TENANT_ID).periods)


def test_low_confidence_is_answered_by_the_provider_and_charged(provider, settings):
    given = ask()
    assert (given.used, given.reason) == ("fallback", "low_confidence")
    assert given.text == "O passeio custa € 98 por adulto [1].\n\nFontes: [1] Sintra dia inteiro"
    assert given.cost_usd == COST == spent(settings)
    assert dict(given.usage) == {"input_tokens": 500, "output_tokens": 20}
    assert given.grounded is True
    assert nothing_is_reserved(settings)
    event = Event.objects.get(kind="fallback")
    assert event.value == 0
    assert (event.meta["reason"], event.meta["tag"]) == ("low_confidence", "rag-answer")


def test_forcing_uses_the_provider_whatever_the_confidence(provider):
    given = ask(tau=0.0, force_fallback=True)
    assert (given.used, given.reason) == ("fallback", "forced")
    assert not FakeEngine.requests


def test_the_request_holds_instructions_context_and_question(provider):
    ask()
    (request,) = provider.requests
    assert request["path"] == "/v1/chat/completions"
    body = request["body"]
    assert body["model"] == "gpt-4o-mini"
    assert body["stream_options"] == {"include_usage": True}
    content = body["messages"][-1]["content"]
    assert PRICE in content
    assert "[1] Sintra dia inteiro" in content


def test_the_providers_sentences_are_streamed(provider):
    provider.text = "O passeio custa € 98 por adulto [1]. Crianças até três anos não pagam [1]."
    parts = list(answer_stream(Question(PRICE, tau=1.0), asker=STAFF))
    released = [part.text for part in parts if isinstance(part, SentenceReleased)]
    assert len(released) == 3
    given = parts[-1]
    assert isinstance(given, Answer)
    assert "".join(released) == given.text


def test_a_failed_local_answer_is_replaced_by_the_providers(provider):
    FakeEngine.script("O passeio de dia inteiro custa € 98 por adulto. A resposta é sessenta e sete dragões.")
    control.revise({"answer_mode": "generate"}, by=None)
    parts = list(answer_stream(Question("Qual a cor preferida do guia de Sintra?", tau=0.0), asker=STAFF))
    given = parts[-1]
    assert isinstance(given, Answer)
    assert (given.used, given.reason) == ("fallback", "unsupported")
    shown = ""
    for part in parts:
        if isinstance(part, SentenceReleased):
            shown += part.text
        elif isinstance(part, Replaced):
            shown = part.text
    assert shown == given.text
    assert sum(isinstance(part, SourcesFound) for part in parts) == 2


def test_a_broken_engine_falls_back_where_that_is_allowed(provider):
    FakeEngine.script(EngineUnavailable("no model"))
    given = ask(tau=0.0)
    assert (given.used, given.reason) == ("fallback", "engine_failed")


def test_an_overload_spends_nothing_unless_the_policy_says_so(provider):
    FakeEngine.script(EngineBusy(5))
    with pytest.raises(EngineBusy):
        ask(tau=0.0)
    assert provider.requests == []
    control.revise({"fallback_on_overload": True}, by=None)
    control.forget()
    FakeEngine.script(EngineBusy(5))
    assert ask(tau=0.0).reason == "overloaded"


def test_an_overload_stops_no_question_that_the_model_would_not_have_written(provider):
    with control.instead(answer_mode="generate"):
        given = answer(Question(PRICE, tau=1.0), asker=STAFF, engine=FullEngine())
    assert (given.used, given.reason) == ("fallback", "low_confidence")


def test_an_ungrounded_answer_of_the_provider_is_marked(provider):
    provider.text = "O passeio custa 55 euros."
    given = ask()
    assert given.used == "fallback"
    assert given.grounded is False


# --- its failures --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("behaviour", "reason", "charged"),
    [
        ("429", "quota", False),
        ("401", "refused", False),
        ("500", "server_error", True),
        ("garbage", "malformed", True),
        ("nonsense", "malformed", True),
        ("half", "interrupted", True),
    ],
)
def test_a_failing_provider_is_an_error_with_a_reason_and_money_errs_upward(
    provider, settings, behaviour, reason, charged
):
    provider.behaviour = behaviour
    with pytest.raises(FallbackFailed) as failed:
        ask()
    assert failed.value.reason == reason
    assert (spent(settings) > 0) is charged
    assert nothing_is_reserved(settings)
    event = Event.objects.filter(kind="answer").latest("id")
    assert event.meta["error"] == f"fallback_failed:{reason}"
    assert len(provider.requests) == 1


def test_a_silent_provider_times_out(provider, settings, monkeypatch):
    monkeypatch.setattr(paid_call, "TIMEOUT_S", 0.3)
    provider.behaviour = "silent"
    with pytest.raises(FallbackFailed) as failed:
        ask()
    assert failed.value.reason == "timeout"
    assert nothing_is_reserved(settings)


def test_an_address_where_nobody_listens_costs_nothing(provider, settings):
    provider.close()
    with pytest.raises(FallbackFailed) as failed:
        ask()
    assert failed.value.reason == "unreachable"
    assert spent(settings) == 0
    assert nothing_is_reserved(settings)


def test_without_a_key_openai_is_not_asked(provider, settings):
    settings.OPENAI_API_KEY = ""
    settings.OPENAI_BASE_URL = "https://api.openai.com/v1"
    with pytest.raises(FallbackFailed) as failed:
        ask()
    assert failed.value.reason == "unconfigured"


def test_a_provider_that_tells_no_usage_is_charged_at_the_maximum(provider, settings):
    provider.usage = None
    given = ask()
    assert given.cost_usd > COST
    assert given.cost_usd == spent(settings)


@pytest.mark.parametrize("tokens", [None, -500, 10**30, 1.5])
def test_a_usage_that_cannot_be_is_charged_at_the_maximum(provider, settings, tokens):
    provider.usage = {"prompt_tokens": tokens, "completion_tokens": 20, "total_tokens": 20}
    given = ask()
    assert given.cost_usd == spent(settings) > COST
    assert nothing_is_reserved(settings)


def test_what_no_database_holds_is_taken_out_of_the_providers_text(provider):
    provider.text = "O passeio\x00 custa € 98 por adulto [1].\ud83d"
    assert ask().text.startswith("O passeio custa € 98 por adulto [1].")


def test_a_client_that_leaves_mid_stream_is_charged_and_nothing_stays_reserved(provider, settings):
    provider.text = "O passeio custa € 98 por adulto [1]. " * 3
    stream = answer_stream(Question(PRICE, tau=1.0), asker=STAFF)
    while not isinstance(next(stream), SentenceReleased):
        pass
    stream.close()
    assert nothing_is_reserved(settings)
    assert spent(settings) > 0


# --- the budget and what may leave ---------------------------------------------------------------------------------
def test_a_spent_budget_abstains_and_sends_nothing(provider, settings):
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=0)
    given = ask()
    assert (given.used, given.reason) == ("abstain", "low_confidence")
    assert provider.requests == []


def test_a_broken_engine_with_a_spent_budget_is_an_error(provider, settings):
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=0)
    FakeEngine.script(EngineUnavailable("no model"))
    with pytest.raises(EngineUnavailable):
        ask(tau=0.0)


def test_personal_data_does_not_leave_and_comes_back_in_the_answer(provider):
    provider.text = "Para o CPF [CPF_1], o passeio custa € 98 por adulto [1]."
    given = ask("Meu CPF é 529.982.247-25. Quanto custa o passeio de dia inteiro em Sintra?")
    assert "529.982.247-25" not in provider.requests[0]["raw"]
    assert "529982247" not in provider.requests[0]["raw"]
    assert Event.objects.get(kind="fallback").meta["maskedKinds"]
    assert given.used == "fallback"


def test_passages_marked_local_only_stay_and_the_answer_says_so(provider):
    Document.objects.filter(title="Sintra meio dia").update(labels=["local-only"])
    given = ask()
    assert "62 por adulto" not in provider.requests[0]["raw"].encode().decode("unicode_escape")
    assert "Praça da Figueira" not in provider.requests[0]["body"]["messages"][-1]["content"]
    assert any("local-only" in warning for warning in given.warnings)


def test_where_everything_is_local_only_nothing_is_sent(provider):
    Document.objects.update(labels=["local-only"])
    given = ask()
    assert (given.used, given.reason) == ("abstain", "low_confidence")
    assert provider.requests == []
