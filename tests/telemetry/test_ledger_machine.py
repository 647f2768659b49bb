"""Whatever is reserved, settled, released, expired, edited and slept over, in any order: the books balance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import ClassVar
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
cents = st.integers(0, 120).map(lambda n: Decimal(n) / 100)


class Ledger(RuleBasedStateMachine):
    """A model in memory beside the real one: for each reservation its windows, its amount and what it cost."""

    reservations = Bundle("reservations")
    started: ClassVar[datetime] = datetime(2026, 11, 29, 15, tzinfo=UTC)

    @initialize()
    def empty_books(self) -> None:
        for model in (LedgerEntry, Reservation, BudgetLimit):
            model.objects.filter().delete()
        self.now = self.started
        self.limits = {"day": Decimal(1), "month": Decimal(10)}
        self.open: dict[UUID, tuple[tuple[str, str], Decimal, datetime]] = {}
        self.spent: dict[str, Decimal] = {}

    def windows(self) -> tuple[str, str]:
        local = self.now - timedelta(hours=3)
        return f"{local:%Y-%m-%d}", f"{local:%Y-%m}"

    def used(self, window: str) -> Decimal:
        held = sum((amount for windows, amount, _ in self.open.values() if window in windows), Decimal(0))
        return held + self.spent.get(window, Decimal(0))

    @rule(target=reservations, amount=cents)
    def reserve(self, amount: Decimal) -> UUID | None:
        day, month = self.windows()
        fits = self.used(day) + amount <= self.limits["day"] and self.used(month) + amount <= self.limits["month"]
        try:
            held = budgets.reserve(tenant=TENANT, max_cost_usd=amount, user_id=None, key_id=None, now=self.now)
        except BudgetExhausted:
            assert not fits
            return None
        assert fits
        self.open[held.id] = ((day, month), amount, self.now + timedelta(seconds=120))
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

    @rule(period=st.sampled_from(["day", "month"]), usd=cents)
    def staff_change_a_limit(self, period: str, usd: Decimal) -> None:
        budgets.status(TENANT, now=self.now)
        limit = BudgetLimit.objects.get(tenant=TENANT, period=period)
        limit.limit_usd = self.limits[period] = usd
        limit.save()

    @invariant()
    def the_books_balance(self) -> None:
        assert ledger_faults() == ()
        for period, window in zip(budgets.status(TENANT, now=self.now).periods, self.windows(), strict=True):
            assert period.spent_usd + period.reserved_usd == self.used(window)


class TestLedger(TestCase):
    def test_the_books_balance_after_any_sequence(self) -> None:
        run_state_machine_as_test(
            Ledger,
            settings=settings(
                max_examples=15, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
