"""The tau laboratory: what the log says each tau would mean, and what came of changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chat import control
from chat.models import ChatSettingsRevision
from telemetry.events import EventKind, Json, moment_of, record
from telemetry.models import Feedback
from tests.telemetry.answers import TENANT, record_answer

pytestmark = pytest.mark.django_db
LAB = reverse("admin:chat_tau_lab")
NOW = timezone.now()


def ask(days_ago: int, count: int, *, sure: float = 0.6, tau: float = 0.62) -> None:
    """`count` questions of one day, the share `sure` of them answered here."""
    noon = timezone.localtime(NOW).replace(hour=12, minute=0) - timedelta(days=days_ago)
    for number in range(count):
        local = number < sure * count
        answered = record_answer(
            "a",
            "r",
            at=noon,
            number=1000 * days_ago + number,
            userId=number,
            C=0.9 if local else 0.3,
            tau=tau,
            source="local" if local else "abstain",
            reason="confident" if local else "low_confidence",
        )
        if local and number % 2:
            Feedback.objects.create(tenant=TENANT, event_id=answered, vote=1, user_id=number, question="a", reply="r")
        assert moment_of(answered).date() <= NOW.date()


def change_tau(value: float, *, days_ago: int, by: User) -> None:
    control.revise({"tau": value}, by=by, reason="teste")
    newest = ChatSettingsRevision.objects.order_by("-id")[:1].values("pk")
    ChatSettingsRevision.objects.filter(pk__in=newest).update(at=NOW - timedelta(days=days_ago))


def test_with_too_few_questions_it_says_how_many_are_missing(owning: Client) -> None:
    ask(1, 10)
    page = owning.get(LAB).content.decode()
    assert "Ainda há poucas perguntas" in page
    assert "20" in page


def test_it_shows_what_the_tau_in_force_and_the_chosen_one_mean(owning: Client) -> None:
    for day in range(1, 29):
        ask(day, 20)
    page = owning.get(LAB).content.decode()
    assert "560 perguntas dos últimos 56 dias" in page
    assert "60\xa0% (" in page
    assert "lab-rows" in page
    assert re.findall(r'<line[^>]*="\d+,\d', page) == []  # a drawing has decimal points in every language
    assert reverse("admin:panel_action", args=["tau"]) in page


def test_a_target_leads_to_a_tau_or_says_how_many_reviews_are_missing(owning: Client) -> None:
    for day in range(1, 29):
        ask(day, 20)
    proven = owning.get(LAB, {"target": 5}).content.decode()
    assert "?tau=0.62" in proven
    assert "168 respostas avaliadas" in proven
    assert "faltam cerca de" in owning.get(LAB, {"target": 2}).content.decode()


def test_what_was_foretold_is_compared_with_what_came(owning: Client, owner: User) -> None:
    for day in range(10, 40):
        ask(day, 20, tau=0.62)
    change_tau(0.2, days_ago=9, by=owner)
    for day in range(1, 9):
        ask(day, 20, sure=1.0, tau=0.2)
    page = owning.get(LAB).content.decode()
    assert "como previsto" in page
    assert "100\xa0%" in page


def test_a_week_that_came_otherwise_is_said_to_be_outside(owning: Client, owner: User) -> None:
    for day in range(10, 40):
        ask(day, 20)
    change_tau(0.5, days_ago=9, by=owner)
    for day in range(1, 9):
        ask(day, 20, sure=0.1, tau=0.5)
    assert "fora do previsto" in owning.get(LAB).content.decode()


def test_saving_a_tau_shows_its_consequences_before(owning: Client) -> None:
    for day in range(1, 29):
        ask(day, 20)
    page = owning.get(reverse("admin:panel_action", args=["tau"]), {"tau": "0.95"}).content.decode()
    assert "Respondidas aqui" in page
    assert "0\xa0% (" in page


def test_only_those_who_see_the_settings_see_it(staff_with: Callable[..., Client]) -> None:
    assert staff_with("telemetry.view_event").get(LAB).status_code == 403


@pytest.mark.parametrize("target", ["x", "0", "-1", "99", "5.5", "٣"])
def test_a_strange_target_is_none(owning: Client, target: str) -> None:
    for day in range(1, 4):
        ask(day, 20)
    assert owning.get(LAB, {"target": target}).status_code == 200


def test_a_paid_answers_page_shows_what_the_local_model_would_have_said(owning: Client) -> None:
    answered = record_answer("Quanto custa?", "95 [1]", source="fallback", reason="low_confidence", costUsd=0.002)
    tried: dict[str, Json] = {"model": "gpt-4o-mini", "outcome": "answered", "cost_usd": 0.002, "total_ms": 812.4}
    record(EventKind.FALLBACK, value=0, meta={"answerId": str(answered), "attempts": [tried]}, tenant=TENANT)
    drafted: dict[str, Json] = {"answerId": str(answered), "passed": True, "reply": "Custa 98 euros."}
    record(EventKind.DRAFT, value=1, meta=drafted, tenant=TENANT)
    page = owning.get(reverse("admin:telemetry_question_change", args=[answered])).content.decode()
    assert "Custa 98 euros." in page
    assert "gpt-4o-mini" in page
    assert "812" in page
