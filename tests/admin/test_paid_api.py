"""The paid API in the panel: its test button, and the light of a model that is spared."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from aion.light import Level
from aion.lights import fallback_light
from chat import breaker, control, paid_call
from chat.breaker import FAILURES, breaker_of
from telemetry import budgets
from telemetry.models import BudgetLimit, Reservation
from tests.chat.conftest import Provider

pytestmark = pytest.mark.django_db
TEST = "test-fallback"


@pytest.fixture
def provider(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The default one; the paid API is off."""
    monkeypatch.setattr(paid_call, "TIMEOUT_S", 0.4)
    server = Provider()
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = server.url, "sk-test"
    breaker.forget()
    yield server
    server.close()
    breaker.forget()


def button() -> str:
    return reverse("admin:panel_action", args=[TEST])


def test_the_button_says_what_it_costs_then_shows_the_path_and_is_written_down(
    owning: Client, owner: User, provider: Provider
) -> None:
    asked = owning.get(button()).content.decode()
    assert "mesmo com a API paga desligada. Isso custa no máximo US$ 0,000" in asked
    assert provider.requests == []
    page = owning.post(button(), follow=True).content.decode()
    assert "O fallback funciona: 1 modelo respondeu.<br>Retirado antes do envio: CPF.<br>" in page
    assert "500 tokens lidos, 20 escritos." in page
    assert "Restam no orçamento: US$ 0,99 hoje, US$ 9,99 neste mês." in page
    entry = LogEntry.objects.get()
    assert (entry.user, entry.object_repr) == (owner, "Testar o fallback")
    assert "O fallback funciona" in entry.change_message
    reservation = Reservation.objects.get()
    assert (reservation.tag, reservation.user_id, reservation.state) == ("drill", owner.pk, "settled")


def test_a_failed_test_is_an_error_with_its_mend_and_is_written_down(owning: Client, provider: Provider) -> None:
    provider.behaviour = "401"
    page = owning.post(button(), follow=True).content.decode()
    assert "O fallback não funciona: nenhum modelo respondeu." in page
    assert "não aceita a chave; confira OPENAI_API_KEY" in page
    assert "não aceita a chave" in LogEntry.objects.get().change_message


def test_forcing_alone_allows_it(staff_with: Callable[..., Client], provider: Provider) -> None:
    client = staff_with("chat.force_fallback", "telemetry.view_event")
    assert "O fallback funciona" in client.post(button(), follow=True).content.decode()


def test_without_a_key_it_is_refused_with_the_reason(owning: Client) -> None:
    page = owning.post(button()).content.decode()
    assert "Nenhuma chave de API paga está configurada (OPENAI_API_KEY)." in page
    assert not LogEntry.objects.exists()


def test_without_room_in_the_budget_it_is_refused_and_nothing_sent(
    owning: Client, provider: Provider, settings: Any
) -> None:
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.update(limit_usd=Decimal("0.0001"))
    assert "O orçamento não comporta o teste." in owning.post(button()).content.decode()
    assert provider.requests == []


def test_an_unknown_provider_is_named_beside_the_field(owning: Client) -> None:
    values = {"fallback_model": "gpt-4o-mini, large@outro", "reason": "mais um"}
    page = owning.post(reverse("admin:chat_chatsettingsrevision_add"), values).content.decode()
    assert "Não existe o provedor “outro”." in page


def test_a_model_that_is_spared_turns_the_light_amber_with_since_and_until(provider: Provider, settings: Any) -> None:
    settings.AION_FALLBACK_ENABLED = True
    control.forget()
    assert fallback_light().level is Level.GREEN
    circuit = breaker_of("gpt-4o-mini")
    for _ in range(FAILURES):
        ticket = circuit.enter()
        assert ticket is not None
        circuit.leave(ticket, works=False)
    light = fallback_light()
    assert light.level is Level.AMBER
    assert light.sentence.startswith("Falhas seguidas: gpt-4o-mini está em pausa desde ")


def test_a_provider_without_key_for_any_model_turns_the_light_red(settings: Any) -> None:
    settings.AION_FALLBACK_ENABLED = True
    control.forget()
    assert fallback_light().level is Level.RED
