"""Who asks decides which limits hold a paid call; the price it began with is the price it is charged at."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from chat import control
from chat.answering import Answer, Question, answer
from chat.answers import Asker
from chat.authentication import issue_key
from chat.fallback import Spending, ask_provider
from telemetry import pricing
from telemetry.models import BudgetLimit, ModelPrice, Reservation

TENANT = "default"
PRICE = "Quanto custa o passeio de dia inteiro em Sintra por adulto?"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("documents")]


def ask(asker: Asker) -> Answer:
    return answer(Question(PRICE, tau=1.0), asker=asker)


def limit(usd: str, *, group: str = "", key_id: int | None = None) -> BudgetLimit:
    return BudgetLimit.objects.create(
        tenant=TENANT,
        period="day",
        group=group,
        key_id=key_id,
        limit_usd=Decimal(usd),
        window_start=timezone.localdate(),
    )


def test_a_member_of_a_group_whose_limit_is_spent_gets_nothing_from_the_provider(provider):
    limit("0.00001", group="vendas")
    refused = ask(Asker(groups=("vendas",), may_set_tau=True))
    assert refused.used == "abstain"
    assert not provider.requests
    assert ask(Asker(groups=("suporte",), may_set_tau=True)).used == "fallback"


def test_a_key_whose_limit_is_spent_gets_nothing_from_the_provider_though_it_is_a_superusers(provider):
    owner = User.objects.create_superuser("dona")
    held, other = (issue_key(name=name, user_id=owner.pk, scopes=["chat"], tenant=TENANT)[0] for name in "ab")
    limit("0.00001", key_id=held.pk)
    assert ask(Asker(user_id=owner.pk, key_id=held.pk, groups=None, may_set_tau=True)).used == "abstain"
    assert not provider.requests
    assert ask(Asker(user_id=owner.pk, key_id=other.pk, groups=None, may_set_tau=True)).used == "fallback"


def test_an_answer_is_booked_under_the_group_too(provider):
    own = limit("1", group="vendas")
    given = ask(Asker(groups=("vendas",), may_set_tau=True))
    own.refresh_from_db()
    assert given.cost_usd > 0
    assert (own.spent_usd, own.reserved_usd) == (given.cost_usd, Decimal(0))


def test_a_price_that_rises_during_the_call_holds_for_the_next_one(provider):
    spending = Spending()
    parts = ask_provider(PRICE, [], policy=control.current(), asker=Asker(), spending=spending, deadline_s=60)
    next(parts)  # reserved, and the provider speaks
    ModelPrice.objects.create(
        model="gpt-4o-mini", input_usd=Decimal(900), output_usd=Decimal(900), as_of=timezone.localdate()
    )
    list(parts)
    assert spending.cost_usd == pricing.PRICES["gpt-4o-mini"].cost_usd(500, 20)
    assert spending.cost_usd <= Reservation.objects.get().amount_usd
    assert ask(Asker(may_set_tau=True)).used == "abstain"  # at the new price the day's limit has no room
