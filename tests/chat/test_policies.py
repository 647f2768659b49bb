"""What staff decide, as the path of a question obeys it: warnings, hours, labels, groups, the forced paid API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.utils import timezone, translation

from chat import control
from chat.answering import Answer, Asker, Question, Replaced, SentenceReleased, StillWaiting, answer, answer_stream
from chat.attempts import Attempt, Outcome, after_caution
from chat.exceptions import PermissionRefused
from chat.router import LocalFailure
from inference.backends.fake import FakeEngine
from inference.exceptions import EngineBusy, EngineUnavailable
from retrieval.models import Document
from telemetry import budgets
from telemetry.models import BudgetLimit, Event
from tests.chat.conftest import STAFF, Provider

PRICE = "Quanto custa o passeio de dia inteiro em Sintra por adulto?"
OFF_TOPIC = "Qual a cor preferida do guia?"
TRUE = "O passeio de dia inteiro custa € 98 por adulto [1]."
CAUTION = "Atenção: os documentos talvez não respondam a esta pergunta."
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]


def ask(text: str = PRICE, *, tau: float | None = 1.0, asker: Asker = STAFF, **fields: Any) -> Answer:
    return answer(Question(text, tau=tau, **fields), asker=asker)


def revise(**changes: Any) -> None:
    control.revise(changes, by=None)
    control.forget()


@pytest.fixture
def _warning() -> None:
    revise(on_low_confidence="warn")


# --- answering with a warning --------------------------------------------------------------------------------------
@pytest.mark.usefixtures("_warning")
def test_low_confidence_is_answered_locally_with_a_warning_in_portuguese() -> None:
    FakeEngine.script(TRUE)
    with translation.override("en"):
        given = ask(tau=0.999)
    assert (given.used, given.reason, given.grounded) == ("local", "low_confidence_warned", True)
    assert given.caution.startswith(CAUTION)
    assert "abaixo do limite de 0,99." in given.caution
    assert given.text == f"{given.caution}\n\n{TRUE}\n\nFontes: [1] Sintra dia inteiro"
    assert "The paid fallback is off." in given.reason_text
    body = given.as_dict()
    assert (body["used"], body["C"], body["tau"]) == ("local", given.confidence, 0.999)
    assert body["caution"] == given.caution


@pytest.mark.usefixtures("_warning")
def test_in_a_stream_the_warning_comes_first() -> None:
    FakeEngine.script(f"{TRUE} Crianças até três anos não pagam.")
    parts = list(answer_stream(Question(PRICE, tau=1.0), asker=STAFF))
    released = [part.text for part in parts if isinstance(part, SentenceReleased)]
    assert released[0].startswith(CAUTION)
    assert released[0].endswith(TRUE)
    assert CAUTION not in "".join(released[1:])
    assert "".join(released) == parts[-1].text  # type: ignore[union-attr]  # the last part is the answer
    assert not [part for part in parts if isinstance(part, Replaced)]


@pytest.mark.usefixtures("_warning")
def test_a_quotation_carries_the_warning_too() -> None:
    revise(answer_mode="quote")
    given = ask()
    assert (given.mode, given.reason) == ("quote", "low_confidence_warned")
    assert given.text.startswith(CAUTION)


@pytest.mark.usefixtures("_warning")
def test_a_warned_answer_that_the_documents_do_not_support_is_none() -> None:
    FakeEngine.script("A resposta é sessenta e sete dragões.")
    parts = list(answer_stream(Question(OFF_TOPIC, tau=1.0), asker=STAFF))
    given = parts[-1]
    assert isinstance(given, Answer)
    assert (given.used, given.reason, given.caution) == ("abstain", "unsupported", "")
    assert given.text.startswith("Não encontrei")
    assert CAUTION not in given.text


def test_an_attempt_without_an_answer_has_no_warning_either() -> None:
    def failing() -> Attempt:
        yield StillWaiting("writing")
        return Outcome(failure=LocalFailure.EMPTY)

    attempt = after_caution("Atenção.", failing())
    next(attempt)
    with pytest.raises(StopIteration) as ended:
        next(attempt)
    assert ended.value.value == Outcome(failure=LocalFailure.EMPTY)


@pytest.mark.usefixtures("_warning")
def test_nothing_found_is_never_answered_with_a_warning() -> None:
    Document.objects.all().delete()
    given = ask()
    assert (given.used, given.reason) == ("abstain", "nothing_found")
    assert not FakeEngine.requests


@pytest.mark.usefixtures("_warning")
def test_an_answer_that_is_sure_enough_carries_no_warning() -> None:
    FakeEngine.script(TRUE)
    given = ask(tau=0.0)
    assert (given.reason, given.caution) == ("confident", "")
    assert given.text.startswith(TRUE)


@pytest.mark.usefixtures("_warning")
@pytest.mark.parametrize("error", [EngineUnavailable("no model"), EngineBusy(retry_after_s=5)])
def test_an_engine_that_fails_at_a_warned_answer_is_an_error(error: Exception) -> None:
    FakeEngine.script(error)
    with pytest.raises(type(error)):
        ask()


@pytest.mark.usefixtures("_warning")
def test_the_paid_api_is_preferred_and_a_warning_follows_where_it_is_refused(provider: Provider, settings: Any) -> None:
    assert (given := ask()).used == "fallback"
    assert given.caution == ""
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=0)
    FakeEngine.script(TRUE)
    given = ask()
    assert (given.used, given.reason) == ("local", "low_confidence_warned")
    assert "orçamento" in given.reason_text
    assert len(provider.requests) == 1


@pytest.mark.usefixtures("_warning")
def test_events_and_the_conversation_keep_that_it_was_doubtful() -> None:
    person = get_user_model().objects.create_user("ana")
    FakeEngine.script(TRUE)
    given = ask(asker=Asker(user_id=person.pk, groups=None, may_set_tau=True))
    event = Event.objects.filter(kind="answer").order_by("-id")[0]
    assert (event.meta["reason"], event.meta["route"]) == ("low_confidence_warned", "local")
    assert event.meta["caution"] == given.caution
    assert event.meta["caution"] != ""
    turn = person.conversations.order_by("-updated_at")[0].messages.get(role="assistant")
    assert turn.meta["reason"] == "low_confidence_warned"


# --- hours and labels ----------------------------------------------------------------------------------------------
def hours_around_now(*, opened: bool) -> dict[str, Any]:
    """An interval of two hours that holds the present moment, or the rest of the day."""
    now = timezone.localtime()
    edges = [(now - timedelta(hours=1)).time(), (now + timedelta(hours=1)).time()]
    start, end = edges if opened else reversed(edges)
    return {"fallback_from": start, "fallback_to": end}


def test_outside_its_hours_the_paid_api_is_not_asked_and_the_reason_says_so(provider: Provider) -> None:
    revise(**hours_around_now(opened=False))
    given = ask()
    assert (given.used, given.reason) == ("abstain", "low_confidence")
    assert "fora do horário" in given.reason_text
    assert provider.requests == []


def test_within_its_hours_it_is(provider: Provider) -> None:
    revise(**hours_around_now(opened=True))
    assert ask().used == "fallback"


def test_passages_with_a_label_that_stays_are_not_sent(provider: Provider) -> None:
    revise(labels_that_stay=["sigiloso"])
    Document.objects.filter(title="Sintra meio dia").update(labels=["Sigiloso"])
    Document.objects.filter(title="Achados e perdidos").update(labels=["local-only"])
    given = ask()
    sent = provider.requests[0]["body"]["messages"][-1]["content"]
    assert "€ 98" in sent
    assert "Praça da Figueira" not in sent
    assert "escritório" not in sent
    assert any("Sigiloso, local-only" in warning for warning in given.warnings)


# --- groups --------------------------------------------------------------------------------------------------------
def member(*groups: str, **rights: bool) -> Asker:
    return Asker(user_id=None, groups=groups, **rights)


def test_a_member_of_a_group_gets_its_tau_and_the_others_do_not(settings: Any) -> None:
    control.revise_group("caixa", {"tau": 0.01}, by=None)
    control.forget()
    FakeEngine.script(TRUE)
    assert ask(tau=None, asker=member("caixa")).tau == 0.01
    assert ask(tau=None, asker=member("obras")).tau == settings.AION_TAU_CONFIDENCE
    assert ask(tau=None, asker=Asker(groups=None)).tau == settings.AION_TAU_CONFIDENCE


def test_the_tau_that_needs_no_permission_is_that_of_ones_group(settings: Any) -> None:
    control.revise_group("caixa", {"tau": 0.9}, by=None)
    control.forget()
    assert ask(tau=0.9, asker=member("caixa")).tau == 0.9
    with pytest.raises(PermissionRefused):
        ask(tau=settings.AION_TAU_CONFIDENCE, asker=member("caixa"))


def test_a_group_without_the_paid_api_costs_nothing(provider: Provider) -> None:
    control.revise_group("caixa", {"fallback_allowed": False}, by=None)
    control.forget()
    assert ask(asker=member("caixa", may_set_tau=True)).used == "abstain"
    assert provider.requests == []
    assert ask(asker=member("obras", may_set_tau=True)).used == "fallback"


def test_a_group_may_be_the_only_one_that_is_answered_with_a_warning() -> None:
    control.revise_group("caixa", {"on_low_confidence": "warn"}, by=None)
    control.forget()
    FakeEngine.script(TRUE)
    assert ask(asker=member("caixa", may_set_tau=True)).reason == "low_confidence_warned"
    assert ask(asker=member("obras", may_set_tau=True)).reason == "low_confidence"


# --- the forced paid API -------------------------------------------------------------------------------------------
def test_the_timed_switch_sends_everything_to_the_paid_api(provider: Provider) -> None:
    revise(forced_fallback_until=timezone.now() + timedelta(minutes=5))
    given = ask(tau=None, asker=Asker())
    assert (given.used, given.reason) == ("fallback", "forced")


def test_the_timed_switch_turns_itself_off(provider: Provider) -> None:
    revise(forced_fallback_until=timezone.now() - timedelta(seconds=1))
    FakeEngine.script(TRUE)
    assert ask(tau=0.0).reason == "confident"
    assert provider.requests == []


def test_the_timed_switch_silences_nobody_who_may_not_use_the_paid_api(provider: Provider) -> None:
    revise(forced_fallback_until=timezone.now() + timedelta(minutes=5))
    control.revise_group("caixa", {"fallback_allowed": False}, by=None)
    control.forget()
    FakeEngine.script(TRUE)
    assert ask(tau=0.0, asker=member("caixa", may_set_tau=True)).reason == "confident"
    revise(**hours_around_now(opened=False))
    assert ask(tau=0.0).reason == "confident"
    assert provider.requests == []
