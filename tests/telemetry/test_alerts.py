"""Alerts at 50, 80 and 100 %: each told once for a limit, window and threshold."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections

from telemetry import alerts, budgets
from telemetry.exceptions import BudgetExhausted
from telemetry.ledger import ledger_faults
from telemetry.models import BudgetLimit, Event

TENANT = "default"
NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)  # 12:00 in São Paulo
TOMORROW = NOON + timedelta(days=1)


def spend(usd: str, *, now=NOON, groups=(), reserving: str = "") -> None:
    held = budgets.reserve(
        tenant=TENANT, max_cost_usd=Decimal(reserving or usd), user_id=1, key_id=None, groups=groups, now=now
    )
    budgets.settle(held.id, cost_usd=Decimal(usd), now=now)


def told(**meta) -> list[tuple[str, str, int]]:
    """Group, period and percent of each alert, in the order they were told."""
    found = Event.objects.filter(kind="budget", tenant=TENANT, **{f"meta__{k}": v for k, v in meta.items()})
    return [(e.meta["group"], e.meta["period"], e.meta["percent"]) for e in found.order_by("id")]


def alerted(now=NOON) -> tuple[int, ...]:
    return next(p for p in budgets.status(TENANT, now=now).periods if p.period == "day").alerted


@pytest.mark.parametrize(
    ("spent", "limit", "percents"),
    [
        ("0.49", "1", ()),
        ("0.50", "1", (50,)),
        ("0.80", "1", (50, 80)),
        ("1.20", "1", (50, 80, 100)),
        ("0", "0", ()),
        ("5", "0", ()),
    ],
)
def test_a_threshold_is_reached_at_its_share_and_a_limit_of_zero_has_none(spent, limit, percents):
    assert alerts.reached(spent_usd=Decimal(spent), limit_usd=Decimal(limit)) == percents


@pytest.mark.django_db
class TestSpending:
    def test_each_threshold_is_told_once_in_a_window(self):
        for _ in range(9):
            spend("0.10")
        assert told() == [("", "day", 50), ("", "day", 80)]
        assert alerted() == (50, 80)

    def test_a_leap_over_two_thresholds_tells_both(self):
        spend("0.85")
        assert told() == [("", "day", 50), ("", "day", 80)]

    def test_reserved_money_is_no_news(self):
        budgets.reserve(tenant=TENANT, max_cost_usd=Decimal("0.9"), user_id=1, key_id=None, now=NOON)
        assert told() == []

    def test_an_orphan_charged_at_its_maximum_is(self):
        budgets.reserve(tenant=TENANT, max_cost_usd=Decimal("0.9"), user_id=1, key_id=None, now=NOON)
        budgets.expire_reservations(NOON + timedelta(minutes=5))
        assert told() == [("", "day", 50), ("", "day", 80)]

    def test_tomorrow_it_is_told_again(self):
        spend("0.60")
        spend("0.10", now=TOMORROW)
        assert alerted(TOMORROW) == ()
        spend("0.50", now=TOMORROW)
        assert told() == [("", "day", 50), ("", "day", 50)]

    def test_yesterdays_window_tells_nothing_once_it_is_over(self):
        held = budgets.reserve(tenant=TENANT, max_cost_usd=Decimal("0.9"), user_id=1, key_id=None, now=NOON)
        spend("0.01", now=TOMORROW)
        budgets.settle(held.id, cost_usd=Decimal("0.9"), now=TOMORROW)
        assert told() == []

    def test_a_groups_limit_is_told_by_its_name(self):
        BudgetLimit.objects.create(
            tenant=TENANT, period="month", group="vendas", limit_usd=Decimal("0.1"), window_start=NOON.date()
        )
        spend("0.06", groups=("vendas",))
        assert told() == [("vendas", "month", 50)]
        event = Event.objects.get(kind="budget")
        assert event.value == 50
        assert (event.meta["limitUsd"], event.meta["spentUsd"]) == (0.1, 0.06)
        assert event.meta["resetsAt"] == "2026-12-01T00:00:00-03:00"

    def test_the_log_warns(self, caplog, django_capture_on_commit_callbacks):
        with caplog.at_level(logging.WARNING), django_capture_on_commit_callbacks(execute=True):
            spend("0.55")
        (line,) = [record.getMessage() for record in caplog.records if record.name == "telemetry.alerts"]
        assert line.startswith("50 % of the day limit of all is spent: US$ 0.5500 of 1.00, until 2026-11-23T00:00")


@pytest.mark.django_db
class TestUsedUp:
    def test_a_refusal_for_want_of_what_was_spent_is_100_percent(self):
        spend("0.95", reserving="1")
        for _ in range(3):
            with pytest.raises(BudgetExhausted):
                spend("0.10")
        assert told() == [("", "day", 50), ("", "day", 80), ("", "day", 100)]

    def test_a_refusal_because_of_what_others_have_reserved_is_not(self):
        budgets.reserve(tenant=TENANT, max_cost_usd=Decimal("0.95"), user_id=1, key_id=None, now=NOON)
        with pytest.raises(BudgetExhausted):
            spend("0.10")
        assert told() == []

    def test_the_last_cent_spent_is_too_and_the_refusals_after_it_tell_nothing_more(self):
        spend("1")
        with pytest.raises(BudgetExhausted):
            spend("0.10")
        assert told() == [("", "day", 50), ("", "day", 80), ("", "day", 100)]

    def test_yesterdays_alerts_do_not_silence_todays_refusal(self):
        spend("1")
        BudgetLimit.objects.filter(period="day").update(limit_usd=Decimal("0.05"))
        with pytest.raises(BudgetExhausted):
            spend("0.10", now=TOMORROW)
        assert told(windowStart="2026-11-23") == [("", "day", 100)]
        assert alerted(TOMORROW) == (100,)
        assert ledger_faults() == ()

    def test_a_limit_of_zero_refuses_in_silence(self):
        budgets.status(TENANT, now=NOON)
        BudgetLimit.objects.update(limit_usd=0)
        with pytest.raises(BudgetExhausted):
            spend("0.10")
        assert told() == []


@pytest.mark.django_db
def test_a_raised_limit_tells_its_thresholds_anew_and_a_reached_one_stays_told():
    spend("0.85")
    limit = BudgetLimit.objects.get(period="day")
    limit.limit_usd = Decimal("1.50")
    limit.save()
    alerts.forget_unreached(limit.pk)
    assert alerted() == (50,)
    spend("0.40")
    assert told() == [("", "day", 50), ("", "day", 80), ("", "day", 80)]


@pytest.mark.django_db(transaction=True)
def test_fifty_threads_tell_each_threshold_once():
    budgets.status(TENANT, now=NOON)

    def pay(number: int) -> None:
        try:
            spend("0.05")
        except BudgetExhausted:
            pass
        finally:
            connections.close_all()

    with ThreadPoolExecutor(50) as crowd:
        list(crowd.map(pay, range(50)))
    assert sorted(told()) == [("", "day", 50), ("", "day", 80), ("", "day", 100)]
    assert ledger_faults() == ()
