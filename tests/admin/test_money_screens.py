"""Limits of groups and keys, prices and the rate of the dollar, as staff see and change them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from aion.light import Level, Light
from aion.lights import budget_light
from chat.authentication import issue_key
from chat.models import ApiKey
from telemetry import budgets
from telemetry.events import rewriting
from telemetry.exceptions import BudgetExhausted
from telemetry.models import BudgetLimit, Event, ExchangeRate, ModelPrice, Question
from telemetry.pricing import price_of

TENANT = "default"
LIST = "admin:telemetry_budgetlimit_changelist"
ADD = "admin:telemetry_budgetlimit_add"
pytestmark = pytest.mark.django_db


def page(client: Client, name: str, *args: object) -> str:
    return client.get(reverse(name, args=args)).content.decode()


def add(client: Client, whom: str, *, usd: str = "0.50", period: str = "day") -> str:
    response = client.post(reverse(ADD), {"whom": whom, "period": period, "limit_usd": usd}, follow=True)
    return response.content.decode()


def spend(usd: str, *, groups: tuple[str, ...] = (), key_id: int | None = None) -> None:
    held = budgets.reserve(tenant=TENANT, max_cost_usd=Decimal(usd), user_id=None, key_id=key_id, groups=groups)
    budgets.settle(held.id, cost_usd=Decimal(usd))


@pytest.fixture
def sales(db: None) -> Group:
    return Group.objects.create(name="Vendas")


@pytest.fixture
def key(owner: User) -> ApiKey:
    made, _text = issue_key(name="site", user_id=owner.pk, scopes=["chat"], tenant=TENANT)
    return made


class TestLimits:
    def test_groups_and_usable_keys_are_offered(self, owning: Client, sales: Group, key: ApiKey, owner: User) -> None:
        revoked, _text = issue_key(name="antigo", user_id=owner.pk, scopes=["chat"], tenant=TENANT)
        ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=timezone.now())
        offered = page(owning, ADD)
        assert 'value="group:Vendas"' in offered
        assert f'value="key:{key.pk}"' in offered
        assert str(key) in offered
        assert "antigo" not in offered

    def test_a_groups_limit_holds_its_members_from_then_on(self, owning: Client, sales: Group) -> None:
        assert "Grupo Vendas" in add(owning, "group:Vendas")
        with pytest.raises(BudgetExhausted) as refused:
            spend("0.60", groups=("Vendas",))
        assert refused.value.group == "Vendas"

    def test_a_keys_limit_keeps_the_keys_name(self, owning: Client, key: ApiKey) -> None:
        assert f"Chave de API {key}" in add(owning, f"key:{key.pk}", period="month")
        limit = BudgetLimit.objects.get(key_id=key.pk)
        assert (limit.period, limit.tenant, limit.window_start.day) == ("month", TENANT, 1)
        assert limit.history.get().history_type == "+"

    def test_a_second_limit_of_the_same_kind_is_refused_with_what_to_do(self, owning: Client, sales: Group) -> None:
        add(owning, "group:Vendas")
        assert "Já existe um limite assim" in add(owning, "group:Vendas", usd="2")
        assert "Já existe um limite assim" not in add(owning, "group:Vendas", usd="2", period="month")

    @pytest.mark.parametrize("whom", ["", "group:Ninguém", "key:999", "geral"])
    def test_what_was_not_offered_is_refused(self, owning: Client, sales: Group, whom: str) -> None:
        add(owning, whom)
        assert not BudgetLimit.objects.exclude(group="", key_id=None).exists()

    def test_the_list_shows_what_is_spent_of_each_in_both_currencies_with_the_rates_day(
        self, owning: Client, sales: Group
    ) -> None:
        ExchangeRate.objects.create(rate=Decimal(5), as_of=timezone.localdate() - timedelta(days=1))
        add(owning, "group:Vendas")
        spend("0.40", groups=("Vendas",))
        shown = page(owning, LIST)
        assert "US$ 0,40" in shown
        assert "(R$ 2,00)" in shown
        assert 'value="80"' in shown
        assert f"{timezone.localdate() - timedelta(days=1):%d/%m/%Y}" in shown
        assert "passou de 80 %" in shown

    def test_a_used_limit_can_be_switched_off_but_not_deleted(self, owning: Client, sales: Group) -> None:
        add(owning, "group:Vendas")
        spend("0.40", groups=("Vendas",))
        limit = BudgetLimit.objects.get(group="Vendas")
        delete = reverse("admin:telemetry_budgetlimit_delete", args=[limit.pk])
        assert owning.post(delete, {"post": "yes"}).status_code == 403
        change = reverse("admin:telemetry_budgetlimit_change", args=[limit.pk])
        assert delete not in owning.get(change).content.decode()
        owning.post(change, {"limit_usd": "0.50"})  # a box that is not ticked is not sent
        spend("0.55", groups=("Vendas",))
        assert "desligado" in page(owning, LIST)

    def test_a_limit_that_was_never_used_can_be_deleted(self, owning: Client, sales: Group) -> None:
        add(owning, "group:Vendas")
        limit = BudgetLimit.objects.get(group="Vendas")
        owning.post(reverse("admin:telemetry_budgetlimit_delete", args=[limit.pk]), {"post": "yes"})
        assert not BudgetLimit.objects.filter(group="Vendas").exists()

    def test_everyones_limits_are_neither_deleted_nor_switched_off(self, owning: Client) -> None:
        budgets.status(TENANT)
        for limit in BudgetLimit.objects.all():
            delete = reverse("admin:telemetry_budgetlimit_delete", args=[limit.pk])
            assert owning.post(delete, {"post": "yes"}).status_code == 403
            owning.post(reverse("admin:telemetry_budgetlimit_change", args=[limit.pk]), {"limit_usd": "2"})
        owning.post(reverse(LIST), {"action": "delete_selected", "_selected_action": [1, 2], "post": "yes"})
        assert BudgetLimit.objects.filter(active=True, limit_usd=2).count() == 2

    def test_a_raised_limit_is_in_order_again(self, owning: Client) -> None:
        spend("0.85")
        limit = BudgetLimit.objects.get(period="day")
        owning.post(reverse("admin:telemetry_budgetlimit_change", args=[limit.pk]), {"limit_usd": "10"})
        limit.refresh_from_db()
        assert limit.alerted == []

    def test_the_limit_of_a_group_that_was_renamed_says_that_it_holds_nobody(
        self, owning: Client, sales: Group
    ) -> None:
        add(owning, "group:Vendas")
        assert "nenhum grupo tem este nome" not in page(owning, LIST)
        sales.name = "Comercial"
        sales.save()
        assert "nenhum grupo tem este nome" in page(owning, LIST)

    def test_who_may_only_look_adds_nothing(self, staff_with: Callable[..., Client], sales: Group) -> None:
        client = staff_with("telemetry.view_budgetlimit", "telemetry.view_exchangerate", "telemetry.view_modelprice")
        for model in ("budgetlimit", "exchangerate", "modelprice"):
            assert client.get(reverse(f"admin:telemetry_{model}_changelist")).status_code == 200
            assert client.get(reverse(f"admin:telemetry_{model}_add")).status_code == 403


class TestTheLight:
    def light(self) -> Light:
        return budget_light()

    def test_it_is_green_below_half(self) -> None:
        spend("0.40")
        assert self.light().level is Level.GREEN
        assert "Todos: US$ 0,40 (R$ 2,16) de 1,00 hoje." in self.light().sentence
        assert "07/08/2025" in self.light().sentence

    @pytest.mark.parametrize(("usd", "level"), [("0.50", Level.AMBER), ("0.80", Level.AMBER), ("1", Level.RED)])
    def test_it_turns_with_the_thresholds(self, usd: str, level: Level) -> None:
        spend(usd)
        assert self.light().level is level

    def test_used_up_says_until_when_the_paid_api_is_not_asked(self) -> None:
        spend("0.99")
        with pytest.raises(BudgetExhausted):
            spend("0.02")
        tomorrow = timezone.localdate() + timedelta(days=1)
        assert (
            f"Todos: o limite do dia está esgotado; até {tomorrow:%d/%m/%Y} 00:00 a API paga não é"
            in self.light().sentence
        )

    def test_a_groups_limit_is_named_once_it_raised_an_alert(self) -> None:
        BudgetLimit.objects.create(
            tenant=TENANT, period="day", group="Vendas", limit_usd=Decimal("0.2"), window_start=timezone.localdate()
        )
        assert "Vendas" not in self.light().sentence
        spend("0.2", groups=("Vendas",))
        assert self.light().level is Level.RED
        assert "Grupo Vendas: US$ 0,20 (R$ 1,08) de 0,20 hoje." in self.light().sentence
        assert "Grupo Vendas: o limite do dia está esgotado" in self.light().sentence

    def test_a_lowered_limit_that_is_passed_already_turns_it_at_once(self) -> None:
        spend("0.40")
        BudgetLimit.objects.filter(period="day").update(limit_usd=Decimal("0.3"))
        assert self.light().level is Level.RED


def test_an_alert_is_read_in_the_events(owning: Client) -> None:
    spend("0.60")
    listed = owning.get(reverse("admin:telemetry_event_changelist"), {"kind__exact": "budget"}).content.decode()
    assert "50 %: Todos" in listed


class TestRates:
    ADD = "admin:telemetry_exchangerate_add"
    LIST = "admin:telemetry_exchangerate_changelist"

    def test_the_empty_list_says_what_is_assumed_and_what_to_do(self, owning: Client) -> None:
        assert "5,40" in page(owning, self.LIST)
        assert "Informe a cotação" in page(owning, self.LIST)

    def test_a_rate_is_entered_with_its_day_and_by_whom_and_never_changed(self, owning: Client, owner: User) -> None:
        today = timezone.localdate()
        owning.post(reverse(self.ADD), {"rate": "5.1234", "as_of": f"{today:%d/%m/%Y}"})
        rate = ExchangeRate.objects.get()
        assert (rate.rate, rate.as_of, rate.created_by) == (Decimal("5.1234"), today, owner.pk)
        assert "Informe a cotação" not in page(owning, self.LIST)
        change = reverse("admin:telemetry_exchangerate_change", args=[rate.pk])
        assert owning.post(change, {"rate": "1", "as_of": f"{today:%d/%m/%Y}"}).status_code == 403
        delete = reverse("admin:telemetry_exchangerate_delete", args=[rate.pk])
        assert owning.post(delete, {"post": "yes"}).status_code == 403

    @pytest.mark.parametrize(("rate", "days"), [("0", 0), ("-5", 0), ("abc", 0), ("5", 1), ("", 0)])
    def test_a_senseless_rate_is_refused(self, owning: Client, rate: str, days: int) -> None:
        day = timezone.localdate() + timedelta(days=days)
        owning.post(reverse(self.ADD), {"rate": rate, "as_of": f"{day:%d/%m/%Y}"})
        assert not ExchangeRate.objects.exists()


class TestPrices:
    ADD = "admin:telemetry_modelprice_add"

    def test_the_published_list_is_shown(self, owning: Client) -> None:
        shown = page(owning, "admin:telemetry_modelprice_changelist")
        assert "gpt-4o-mini" in shown
        assert "07/08/2025" in shown

    def test_a_price_that_was_entered_is_charged(self, owning: Client, owner: User) -> None:
        today = f"{timezone.localdate():%d/%m/%Y}"
        values = {"model": " gpt-4o-mini ", "input_usd": "0.30", "output_usd": "1.20", "as_of": today}
        owning.post(reverse(self.ADD), values)
        assert price_of("gpt-4o-mini").cost_usd(1_000_000, 1_000_000) == Decimal("1.5")
        assert ModelPrice.objects.get().created_by == owner.pk

    def test_a_negative_price_is_refused(self, owning: Client) -> None:
        today = f"{timezone.localdate():%d/%m/%Y}"
        owning.post(reverse(self.ADD), {"model": "m", "input_usd": "-1", "output_usd": "1", "as_of": today})
        assert not ModelPrice.objects.exists()


def test_the_cost_of_a_question_is_told_in_both_currencies_at_the_rate_of_its_day(
    installation: User, owning: Client
) -> None:
    ExchangeRate.objects.create(rate=Decimal(5), as_of=timezone.localdate())
    question = Question.objects.get(kind="answer")
    with rewriting():
        Event.objects.filter(pk=question.pk).update(meta=question.meta | {"costUsd": 0.000123, "source": "fallback"})
    shown = page(owning, "admin:telemetry_question_change", question.pk)
    assert "US$ 0,000123" in shown
    assert "(R$ 0,000615)" in shown
