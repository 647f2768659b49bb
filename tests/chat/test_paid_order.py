"""Several paid models in order, against real servers that fail in every way: who is asked next, what is asked twice,
and that the money adds up whatever happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from chat import control, paid_call
from chat.answering import Answer, Question, SentenceReleased, StillWaiting, answer, answer_stream
from chat.breaker import FAILURES, breaker_of
from chat.exceptions import FallbackFailed
from inference.exceptions import GenerationCancelled
from telemetry import budgets, pricing
from telemetry.ledger import ledger_faults
from telemetry.models import BudgetLimit, Event, LedgerEntry, Reservation
from tests.chat.conftest import STAFF

PRICE = "Quanto custa o passeio de dia inteiro em Sintra por adulto?"
COST = pricing.PRICES["gpt-4o-mini"].cost_usd(500, 20)
FIRST, SECOND = "gpt-4o-mini@first", "gpt-4o-mini@second"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]


@pytest.fixture(autouse=True)
def _the_money_adds_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After each test; and nobody waits long."""
    monkeypatch.setattr(paid_call, "TIMEOUT_S", 0.4)
    monkeypatch.setattr(paid_call, "RECONNECT_S", 0.01)
    yield
    assert ledger_faults() == ()
    assert not Reservation.objects.filter(state=Reservation.State.OPEN).exists()


def ask(**fields) -> Answer:
    return answer(Question(PRICE, tau=1.0, **fields), asker=STAFF)


def spent() -> Decimal:
    entries = LedgerEntry.objects.filter(limit__period="day")
    return sum(entries.values_list("spent_delta_usd", flat=True), Decimal(0))


def tried() -> list[tuple[str, str]]:
    """What the newest fallback event says of the attempts."""
    meta = Event.objects.filter(kind="fallback").latest("id").meta
    return [(attempt["model"], attempt["outcome"]) for attempt in meta["attempts"]]


def test_the_first_that_answers_is_the_only_one_asked(providers) -> None:
    given = ask()
    assert (given.used, given.model, given.cost_usd) == ("fallback", FIRST, COST)
    assert providers["second"].requests == []
    assert tried() == [(FIRST, "answered")]


@pytest.mark.parametrize(
    ("behaviour", "outcome", "charged"),
    [
        ("429", "quota", False),
        ("401", "refused", False),
        ("500", "server_error", True),
        ("503", "server_error", True),
        ("silent", "timeout", True),
        ("garbage", "malformed", True),
        ("nonsense", "malformed", True),
        ("nothing", "interrupted", True),
    ],
)
def test_where_the_first_fails_before_a_word_the_second_answers(providers, behaviour, outcome, charged) -> None:
    providers["first"].behaviour = behaviour
    given = ask()
    assert (given.used, given.model) == ("fallback", SECOND)
    assert tried() == [(FIRST, outcome), (SECOND, "answered")]
    assert len(providers["first"].requests) == 1
    assert (given.cost_usd > COST) is charged
    assert given.cost_usd == spent()
    assert Reservation.objects.count() == 2


def test_an_empty_answer_is_paid_and_another_asked(providers) -> None:
    providers["first"].behaviour = "empty"
    assert ask().cost_usd == 2 * COST == spent()
    assert tried() == [(FIRST, "malformed"), (SECOND, "answered")]


def test_what_was_begun_is_not_begun_anew_by_another(providers) -> None:
    providers["first"].text = "O passeio custa € 98 por adulto [1]. " * 4
    providers["first"].behaviour = "half"
    with pytest.raises(FallbackFailed) as failed:
        ask()
    assert failed.value.reason == "interrupted"
    assert providers["second"].requests == []
    assert spent() > COST


def test_the_last_failure_is_told_and_the_event_tells_of_all(providers) -> None:
    providers["first"].behaviour, providers["second"].behaviour = "500", "401"
    with pytest.raises(FallbackFailed) as failed:
        ask()
    assert failed.value.reason == "refused"
    meta = Event.objects.filter(kind="answer").latest("id").meta
    assert [attempt["outcome"] for attempt in meta["attempts"]] == ["server_error", "refused"]
    assert meta["attempts"][0]["host"] == providers["first"].url.split("/")[2]
    assert meta["costUsd"] == pytest.approx(float(spent()))
    assert meta["costUsd"] > 0


def test_each_server_gets_its_own_key(providers) -> None:
    providers["first"].behaviour = "500"
    ask()
    assert [server.requests[0]["key"] for server in providers.values()] == ["Bearer sk-first", "Bearer sk-second"]


def test_a_model_whose_provider_is_gone_is_passed_over_without_a_reservation(providers, settings) -> None:
    settings.AION_FALLBACK_MODEL = f"large@gone, {SECOND}"
    control.forget()
    assert ask().model == SECOND
    assert tried() == [("large@gone", "unconfigured"), (SECOND, "answered")]
    assert Reservation.objects.count() == 1


# --- twice at most -------------------------------------------------------------------------------------------------
def test_an_address_where_nobody_listens_is_tried_twice_for_nothing(providers) -> None:
    providers["first"].close()
    assert ask().cost_usd == COST == spent()
    assert tried() == [(FIRST, "unreachable"), (FIRST, "unreachable"), (SECOND, "answered")]
    states = Reservation.objects.values_list("state", flat=True)
    assert sorted(states) == ["released", "released", "settled"]


@pytest.mark.parametrize("status", ["429", "503"])
def test_a_provider_that_asks_to_come_back_soon_is_asked_once_more(providers, status) -> None:
    providers["first"].before, providers["first"].retry_after = [status], "0.05"
    assert ask().cost_usd == COST == spent()
    assert [model for model, _outcome in tried()] == [FIRST, FIRST]
    assert Reservation.objects.count() == 2


def test_it_is_not_asked_a_third_time(providers) -> None:
    providers["first"].behaviour, providers["first"].retry_after = "429", "0.05"
    assert ask().model == SECOND
    assert len(providers["first"].requests) == 2


@pytest.mark.parametrize("later", ["30", "-1", "nan", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_nobody_waits_long_or_for_what_cannot_be_read(providers, later) -> None:
    providers["first"].behaviour, providers["first"].retry_after = "429", later
    assert ask().model == SECOND
    assert len(providers["first"].requests) == 1


def test_a_failure_that_may_have_cost_is_never_repeated(providers) -> None:
    providers["first"].behaviour, providers["first"].retry_after = "500", "0.05"
    assert ask().model == SECOND
    assert len(providers["first"].requests) == 1


def test_who_leaves_while_a_retry_is_waited_for_ends_it(providers) -> None:
    providers["first"].behaviour, providers["first"].retry_after = "429", "4"
    started = time.monotonic()
    with pytest.raises(GenerationCancelled):
        answer(Question(PRICE, tau=1.0), asker=STAFF, cancelled=lambda: bool(providers["first"].requests))
    assert time.monotonic() - started < 3
    assert providers["second"].requests == []


# --- the deadline --------------------------------------------------------------------------------------------------
def test_an_endless_answer_ends_with_the_deadline(providers) -> None:
    providers["first"].behaviour = "trickle"
    started = time.monotonic()
    with pytest.raises(FallbackFailed) as failed:
        ask(deadline_s=1.5)
    assert failed.value.reason == "timeout"
    assert time.monotonic() - started < 4
    assert providers["second"].requests == []


def test_nobody_else_is_asked_when_the_time_is_over(providers, monkeypatch) -> None:
    monkeypatch.setattr(paid_call, "TIMEOUT_S", 20)
    providers["first"].behaviour = "silent"
    with pytest.raises(FallbackFailed) as failed:
        ask(deadline_s=1.5)
    assert failed.value.reason == "timeout"
    assert providers["second"].requests == []


def test_whoever_waits_for_a_silent_provider_may_leave(providers, monkeypatch) -> None:
    monkeypatch.setattr(paid_call, "TIMEOUT_S", 20)
    providers["first"].behaviour = "silent"
    stream = answer_stream(Question(PRICE, tau=1.0), asker=STAFF)
    while not isinstance(next(stream), StillWaiting):
        pass
    started = time.monotonic()
    stream.close()
    assert time.monotonic() - started < 5
    assert spent() > 0
    (attempt,) = Event.objects.filter(kind="answer").latest("id").meta["attempts"]
    assert attempt["outcome"] == "hung_up"


def test_a_silent_provider_is_left_as_soon_as_whoever_asked_has_gone(providers, monkeypatch) -> None:
    monkeypatch.setattr(paid_call, "TIMEOUT_S", 20)
    providers["first"].behaviour = "silent"
    started = time.monotonic()
    with pytest.raises(GenerationCancelled):
        answer(Question(PRICE, tau=1.0), asker=STAFF, cancelled=lambda: bool(providers["first"].requests))
    assert time.monotonic() - started < 5
    assert spent() > 0


def test_sentences_are_passed_on_while_the_provider_still_writes(providers, monkeypatch) -> None:
    first = providers["first"]
    written, may_go_on = threading.Event(), threading.Event()
    first.text = "O passeio custa € 98 por adulto [1]. Crianças até três anos não pagam [1]."
    send = first._send

    def send_slowly(handler, part) -> None:
        send(handler, part)
        if not written.is_set() and "Crian" in str(part):
            written.set()
            may_go_on.wait(10)

    monkeypatch.setattr(first, "_send", send_slowly)
    monkeypatch.setattr(paid_call, "TIMEOUT_S", 20)
    released = []
    for part in answer_stream(Question(PRICE, tau=1.0), asker=STAFF):
        if isinstance(part, SentenceReleased):
            released.append((part.text, may_go_on.is_set()))
            may_go_on.set()
    assert released[0] == ("O passeio custa € 98 por adulto [1].", False)


# --- the budget ----------------------------------------------------------------------------------------------------
def test_a_budget_that_refuses_the_second_ends_it_with_the_firsts_failure(providers, settings) -> None:
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=Decimal("0.003"))
    settings.AION_FALLBACK_MODEL = f"{FIRST}, gpt-4@second, {SECOND}"
    control.forget()
    providers["first"].behaviour = "500"
    with pytest.raises(FallbackFailed) as failed:
        ask()
    assert failed.value.reason == "server_error"
    assert providers["second"].requests == []


def test_a_budget_that_refuses_the_first_is_no_failure_and_sends_nothing(providers, settings) -> None:
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=0)
    assert ask().used == "abstain"
    assert all(server.requests == [] for server in providers.values())


# --- the circuit ---------------------------------------------------------------------------------------------------
def open_the_first(providers) -> None:
    providers["first"].behaviour = "500"
    for _ in range(FAILURES):
        ask()


def test_a_model_that_keeps_failing_is_passed_over_at_once_and_for_nothing(providers) -> None:
    open_the_first(providers)
    before = spent()
    given = ask()
    assert len(providers["first"].requests) == FAILURES
    assert tried() == [(FIRST, "circuit_open"), (SECOND, "answered")]
    assert given.cost_usd == COST == spent() - before


def test_the_circuit_of_one_model_is_not_anothers(providers) -> None:
    open_the_first(providers)
    assert breaker_of(FIRST).open_circuit() is not None
    assert breaker_of(SECOND).open_circuit() is None


def test_where_every_circuit_is_open_that_is_said(providers, settings) -> None:
    settings.AION_FALLBACK_MODEL = FIRST
    control.forget()
    providers["first"].behaviour = "500"
    for _ in range(FAILURES):
        with pytest.raises(FallbackFailed):
            ask()
    with pytest.raises(FallbackFailed) as failed:
        ask()
    assert failed.value.reason == "circuit_open"


@pytest.mark.parametrize("behaviour", ["401", "400"])
def test_a_refusal_opens_no_circuit(providers, behaviour) -> None:
    providers["first"].behaviour = behaviour
    for _ in range(FAILURES + 1):
        ask()
    assert breaker_of(FIRST).open_circuit() is None


def test_a_deadline_of_ours_opens_no_circuit(providers, monkeypatch) -> None:
    monkeypatch.setattr(paid_call, "TIMEOUT_S", 20)
    providers["first"].behaviour = "silent"
    for _ in range(FAILURES):
        with pytest.raises(FallbackFailed):
            ask(deadline_s=1.2)
    assert breaker_of(FIRST).open_circuit() is None


def test_an_answer_that_ends_with_its_own_sources_still_counts_as_one(providers) -> None:
    providers["first"].text = "O passeio custa € 98 por adulto [1].\n\nFontes: [1] Sintra dia inteiro"
    assert ask().cost_usd == COST
    assert tried() == [(FIRST, "answered")]
