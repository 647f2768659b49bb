"""Limits of a group and of a key beside those of everyone: all that hold a caller are taken, or none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connections, transaction

from telemetry import budgets
from telemetry.exceptions import BudgetExhausted
from telemetry.ledger import ledger_faults
from telemetry.models import BudgetLimit, LedgerEntry, Reservation

TENANT = "default"
NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)  # 12:00 in São Paulo


def limit(usd: str, *, group: str = "", key_id: int | None = None, period: str = "day", **values) -> BudgetLimit:
    return BudgetLimit.objects.create(
        tenant=TENANT,
        period=period,
        group=group,
        key_id=key_id,
        limit_usd=Decimal(usd),
        window_start=NOON.date().replace(day=22 if period == "day" else 1),
        **values,
    )


def reserve(usd: str, *, groups=(), key_id=None, now=NOON) -> budgets.Reservation:
    return budgets.reserve(tenant=TENANT, max_cost_usd=Decimal(usd), user_id=1, key_id=key_id, groups=groups, now=now)


def reserved() -> dict[tuple[object, str], str]:
    """What is reserved of each limit, by whom it holds and its period."""
    return {
        (each.group or each.key_id or "", each.period): f"{each.reserved_usd:.2f}"
        for each in budgets.status(TENANT, now=NOON).limits
    }


@pytest.mark.django_db
class TestWhoIsHeld:
    def test_a_call_counts_under_everyones_its_groups_and_its_keys_limits(self):
        limit("1", group="vendas")
        limit("2", group="suporte", period="month")
        limit("3", key_id=7)
        limit("4", key_id=8)
        limit("5", group="diretoria")
        reserve("0.10", groups=("vendas", "suporte"), key_id=7)
        assert reserved() == {
            ("", "day"): "0.10",
            ("", "month"): "0.10",
            ("vendas", "day"): "0.10",
            ("suporte", "month"): "0.10",
            (7, "day"): "0.10",
            (8, "day"): "0.00",
            ("diretoria", "day"): "0.00",
        }

    def test_a_group_and_a_key_without_limits_are_held_by_everyones_alone(self):
        limit("0.01", group="vendas")
        reserve("0.10", groups=("suporte",), key_id=9)
        assert reserved() == {("", "day"): "0.10", ("", "month"): "0.10", ("vendas", "day"): "0.00"}

    def test_who_is_of_no_group_is_held_by_everyones_and_the_keys(self):
        limit("0.01", group="vendas")
        limit("0.50", key_id=7)
        reserve("0.10", groups=None, key_id=7)
        assert reserved()[7, "day"] == "0.10"
        with pytest.raises(BudgetExhausted):
            reserve("0.45", groups=None, key_id=7)

    def test_who_has_neither_group_nor_key_is_held_by_everyones_alone(self):
        limit("0.01", key_id=7)
        limit("0.01", group="vendas")
        reserve("0.10", groups=(), key_id=None)
        assert (reserved()[7, "day"], reserved()["vendas", "day"]) == ("0.00", "0.00")

    def test_a_limit_that_is_switched_off_holds_nobody(self):
        limit("0.01", group="vendas", active=False)
        reserve("0.10", groups=("vendas",))
        assert ("vendas", "day") not in reserved()

    def test_another_tenants_limit_holds_nobody_here(self):
        BudgetLimit.objects.create(
            tenant="outra", period="day", group="vendas", limit_usd=Decimal(0), window_start=NOON.date()
        )
        reserve("0.10", groups=("vendas",))


@pytest.mark.django_db
class TestAllOrNothing:
    def test_a_refusal_by_the_groups_limit_leaves_every_other_untouched_and_names_the_group(self):
        limit("0.05", group="vendas", period="month")
        limit("1", key_id=7)
        with pytest.raises(BudgetExhausted) as refused:
            reserve("0.10", groups=("vendas",), key_id=7)
        assert (refused.value.group, refused.value.period, refused.value.key_id) == ("vendas", "month", None)
        assert set(reserved().values()) == {"0.00"}
        assert not Reservation.objects.exists()

    def test_a_refusal_by_the_keys_limit_names_the_key(self):
        limit("0.05", key_id=7)
        with pytest.raises(BudgetExhausted) as refused:
            reserve("0.10", key_id=7)
        assert (refused.value.group, refused.value.key_id) == ("", 7)

    def test_everyones_limit_holds_a_group_that_may_spend_more(self):
        limit("50", group="vendas")
        with pytest.raises(BudgetExhausted) as refused:
            reserve("1.01", groups=("vendas",))
        assert refused.value.group == ""

    def test_settling_charges_all_of_them_even_one_switched_off_meanwhile(self):
        own = limit("1", group="vendas")
        held = reserve("0.50", groups=("vendas",))
        own.active = False
        own.save()
        budgets.settle(held.id, cost_usd=Decimal("0.20"), now=NOON)
        own.refresh_from_db()
        assert (own.spent_usd, own.reserved_usd) == (Decimal("0.20"), Decimal(0))
        assert LedgerEntry.objects.filter(kind="settle").count() == 3
        assert ledger_faults() == ()

    def test_the_window_of_a_groups_limit_moves_on_by_itself(self):
        limit("1", group="vendas")
        budgets.settle(reserve("1", groups=("vendas",)).id, cost_usd=Decimal(1), now=NOON)
        tomorrow = NOON + timedelta(days=1)
        reserve("0.90", groups=("vendas",), now=tomorrow)
        assert ledger_faults() == ()


@pytest.mark.django_db
class TestRows:
    @pytest.mark.parametrize("scope", [{}, {"group": "vendas"}, {"key_id": 7}])
    def test_there_is_one_limit_of_a_kind(self, scope):
        budgets.status(TENANT, now=NOON)
        if scope:
            limit("1", **scope)
        with pytest.raises(IntegrityError), transaction.atomic():
            limit("1", **scope)

    def test_no_limit_is_of_a_group_and_a_key(self):
        with pytest.raises(IntegrityError), transaction.atomic():
            limit("1", group="vendas", key_id=7)

    def test_everyones_limits_cannot_be_switched_off(self):
        budgets.status(TENANT, now=NOON)
        with pytest.raises(IntegrityError), transaction.atomic():
            BudgetLimit.objects.filter(group="", key_id=None).update(active=False)


@pytest.mark.django_db(transaction=True)
def test_crowds_of_two_groups_overspend_neither_limit_and_do_not_block_each_other():
    """40 threads, in both orders of their groups: 0.05 a call, 0.25 for each group, 0.40 for everyone."""
    budgets.status(TENANT, now=NOON)
    BudgetLimit.objects.filter(period="day").update(limit_usd=Decimal("0.40"))
    limit("0.25", group="vendas")
    limit("0.25", group="suporte")
    orders = [("vendas",), ("suporte",), ("vendas", "suporte"), ("suporte", "vendas")]

    def spend(number: int) -> bool:
        try:
            held = reserve("0.05", groups=orders[number % 4])
            if number % 3:
                budgets.settle(held.id, cost_usd=Decimal("0.05"), now=NOON)
        except BudgetExhausted:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(40) as crowd:
        granted = sum(crowd.map(spend, range(40)))
    assert granted >= 5
    for each in budgets.status(TENANT, now=NOON).limits:
        assert each.spent_usd + each.reserved_usd <= each.limit_usd
    assert ledger_faults() == ()
