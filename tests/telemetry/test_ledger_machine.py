"""Whatever is reserved, settled, released, expired, edited and slept over, in any order: the books balance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar, TypeAlias
from uuid import UUID

from django.test import TestCase
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from telemetry import budgets
from telemetry.exceptions import BudgetExhausted
from telemetry.ledger import ledger_faults
from telemetry.models import BudgetLimit, LedgerEntry, Reservation

TENANT = "machine"
GROUPS = ["vendas", "suporte"]
KEYS = [7]
Scope: TypeAlias = "str | int"
Window: TypeAlias = tuple[Scope, str]
cents = st.integers(0, 120).map(lambda n: Decimal(n) / 100)
periods = st.sampled_from(["day", "month"])


class Ledger(RuleBasedStateMachine):
    """A model in memory beside the real one: for each reservation what it counts under, its amount and what it cost.

    A scope is "" (everyone), a group's name or a key's id; what it counts under is a scope with a day or a month.
    """

    reservations = Bundle("reservations")
    started: ClassVar[datetime] = datetime(2026, 11, 29, 15, tzinfo=UTC)

    @initialize()
    def empty_books(self) -> None:
        for model in (LedgerEntry, Reservation, BudgetLimit):
            model.objects.filter().delete()
        self.now = self.started
        self.limits: dict[tuple[Scope, str], Decimal] = {("", "day"): Decimal(1), ("", "month"): Decimal(10)}
        self.off: set[tuple[Scope, str]] = set()
        self.open: dict[UUID, tuple[set[Window], Decimal, datetime]] = {}
        self.spent: dict[Window, Decimal] = {}

    def window(self, scope: Scope, period: str) -> Window:
        local = self.now - timedelta(hours=3)
        return scope, f"{local:%Y-%m-%d}" if period == "day" else f"{local:%Y-%m}"

    def used(self, window: Window) -> Decimal:
        held = sum((amount for windows, amount, _ in self.open.values() if window in windows), Decimal(0))
        return held + self.spent.get(window, Decimal(0))

    @rule(
        target=reservations,
        amount=cents,
        groups=st.none() | st.lists(st.sampled_from(GROUPS), unique=True),
        key=st.none() | st.sampled_from(KEYS),
    )
    def reserve(self, amount: Decimal, groups: list[str] | None, key: int | None) -> UUID | None:
        scopes: set[Scope] = {"", *(groups or ())} | ({key} if key is not None else set())
        holding = {limit for limit in self.limits.keys() - self.off if limit[0] in scopes}
        fits = all(self.used(self.window(*limit)) + amount <= self.limits[limit] for limit in holding)
        try:
            held = budgets.reserve(
                tenant=TENANT, max_cost_usd=amount, user_id=None, key_id=key, groups=groups, now=self.now
            )
        except BudgetExhausted:
            assert not fits
            return None
        assert fits
        windows = {self.window(*limit) for limit in holding}
        self.open[held.id] = (windows, amount, self.now + timedelta(seconds=120))
        return held.id

    def close(self, held: UUID | None, cost: Decimal | None) -> None:
        if held in self.open:
            windows, amount, _ = self.open.pop(held)
            for window in windows:
                self.spent[window] = self.spent.get(window, Decimal(0)) + (amount if cost is None else cost)

    @rule(held=reservations, cost=st.none() | cents)
    def settle(self, held: UUID | None, cost: Decimal | None) -> None:
        if held is not None:
            budgets.settle(held, cost_usd=cost, now=self.now)
            self.close(held, cost)

    @rule(held=reservations)
    def release(self, held: UUID | None) -> None:
        if held is not None:
            budgets.release(held, now=self.now)
            self.close(held, Decimal(0))

    @rule(hours=st.sampled_from([0.01, 1, 8, 24]))
    def time_passes(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    @rule()
    def orphans_expire(self) -> None:
        overdue = [held for held, (_, _, expires) in self.open.items() if expires <= self.now]
        assert budgets.expire_reservations(self.now) == len(overdue)
        for held in overdue:
            self.close(held, None)

    def row_of(self, scope: Scope, period: str) -> BudgetLimit:
        group, key = (scope, None) if isinstance(scope, str) else ("", scope)
        return BudgetLimit.objects.get(tenant=TENANT, period=period, group=group, key_id=key)

    @rule(scope=st.sampled_from(["", *GROUPS, *KEYS]), period=periods, usd=cents)
    def staff_add_or_change_a_limit(self, scope: Scope, period: str, usd: Decimal) -> None:
        budgets.status(TENANT, now=self.now)
        if (scope, period) in self.limits:
            limit = self.row_of(scope, period)
        else:
            group, key = (scope, None) if isinstance(scope, str) else ("", scope)
            limit = BudgetLimit(
                tenant=TENANT, period=period, group=group, key_id=key, window_start=self.started - timedelta(days=40)
            )
        limit.limit_usd = self.limits[scope, period] = usd
        limit.save()

    @rule(scope=st.sampled_from([*GROUPS, *KEYS]), period=periods)
    def staff_switch_a_limit_off_or_on(self, scope: Scope, period: str) -> None:
        if (scope, period) in self.limits:
            limit = self.row_of(scope, period)
            limit.active = not limit.active
            limit.save()
            self.off ^= {(scope, period)}

    @invariant()
    def the_books_balance(self) -> None:
        assert ledger_faults() == ()
        limits = budgets.status(TENANT, now=self.now).limits
        assert {(limit.group or limit.key_id or "", limit.period) for limit in limits} == self.limits.keys() - self.off
        for limit in limits:
            window = self.window(limit.group or limit.key_id or "", limit.period)
            assert limit.spent_usd + limit.reserved_usd == self.used(window)


class TestLedger(TestCase):
    def test_the_books_balance_after_any_sequence(self) -> None:
        run_state_machine_as_test(
            Ledger,
            settings=settings(
                max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
