"""Money: reserved before it is spent, whatever the number of threads and whoever dies in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from telemetry import budgets
from telemetry.exceptions import BudgetExhausted, BudgetRefused, BudgetUnavailable, UnknownReservation
from telemetry.ledger import ledger_faults
from telemetry.models import BudgetLimit, LedgerEntry, Reservation

TENANT = "default"
NOON = datetime(2026, 11, 22, 15, tzinfo=UTC)  # 12:00 in São Paulo


def usd(text: str) -> Decimal:
    return Decimal(text)


def reserve(amount: str, *, now: datetime = NOON, tenant: str = TENANT) -> budgets.Reservation:
    return budgets.reserve(tenant=tenant, max_cost_usd=usd(amount), user_id=1, key_id=None, now=now)


def day(now: datetime = NOON) -> budgets.LimitStatus:
    return next(p for p in budgets.status(TENANT, now=now).periods if p.period == "day")


def month(now: datetime = NOON) -> budgets.LimitStatus:
    return next(p for p in budgets.status(TENANT, now=now).periods if p.period == "month")


@pytest.mark.django_db
class TestReserving:
    def test_limits_come_from_the_environment(self, settings):
        settings.AION_BUDGET_USD_DAY, settings.AION_BUDGET_USD_MONTH = 2.5, 40.0
        assert (day().limit_usd, month().limit_usd) == (usd("2.5"), usd("40"))

    def test_a_reservation_counts_in_day_and_month(self):
        reserve("0.4")
        assert (day().reserved_usd, month().reserved_usd) == (usd("0.4"), usd("0.4"))

    def test_what_does_not_fit_the_day_is_refused_and_says_until_when(self):
        reserve("0.7")
        with pytest.raises(BudgetExhausted) as refused:
            reserve("0.4")
        assert (refused.value.period, refused.value.limit) == ("day", usd("1"))
        assert refused.value.resets_at == datetime(2026, 11, 23, 3, tzinfo=UTC)

    def test_a_refusal_by_one_limit_leaves_the_other_untouched(self):
        reserve("0.1")
        BudgetLimit.objects.filter(period="month").update(limit_usd=usd("0.2"))
        with pytest.raises(BudgetExhausted):
            reserve("0.5")
        assert day().reserved_usd == usd("0.1")
        assert Reservation.objects.count() == 1

    def test_the_last_cent_can_be_reserved_and_no_more(self):
        reserve("1")
        with pytest.raises(BudgetExhausted):
            reserve("0.0000000001")

    @pytest.mark.parametrize("amount", ["-0.01", "NaN", "Infinity"])
    def test_a_senseless_amount_is_refused(self, amount):
        with pytest.raises(ValueError, match="cannot reserve"):
            reserve(amount)

    def test_tenants_do_not_share_limits(self):
        reserve("1")
        assert reserve("1", tenant="other").amount_usd == usd("1")

    def test_without_a_ledger_there_is_no_money(self):
        reserve("0.1")
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE telemetry_ledgerentry RENAME TO gone")
        with pytest.raises(BudgetUnavailable) as refused:
            reserve("0.1")
        assert isinstance(refused.value, BudgetRefused)

    def test_a_stale_copy_saved_by_staff_does_not_undo_the_counters(self):
        reserve("0.1")
        stale = BudgetLimit.objects.get(period="day")
        reserve("0.2")
        stale.limit_usd = usd("5")
        stale.save()
        assert (day().limit_usd, day().reserved_usd) == (usd("5"), usd("0.3"))
        assert list(stale.history.values_list("limit_usd", flat=True)) == [usd("5")]


@pytest.mark.django_db
class TestClosing:
    def test_settling_charges_the_real_cost_and_frees_the_rest(self):
        charged = budgets.settle(reserve("0.5").id, cost_usd=usd("0.2"), now=NOON)
        assert charged == usd("0.2")
        assert (day().spent_usd, day().reserved_usd) == (usd("0.2"), usd("0"))

    def test_an_unknown_cost_is_charged_at_the_maximum(self):
        assert budgets.settle(reserve("0.5").id, cost_usd=None, now=NOON) == usd("0.5")
        assert day().spent_usd == usd("0.5")

    def test_settling_twice_charges_once(self):
        held = reserve("0.5").id
        budgets.settle(held, cost_usd=usd("0.2"), now=NOON)
        assert budgets.settle(held, cost_usd=usd("0.4"), now=NOON) == usd("0.2")
        assert day().spent_usd == usd("0.2")

    def test_a_cost_above_the_reservation_is_recorded_truthfully(self):
        budgets.settle(reserve("0.5").id, cost_usd=usd("0.6"), now=NOON)
        assert day().spent_usd == usd("0.6")

    def test_releasing_frees_everything_but_not_what_was_charged(self):
        held = reserve("0.5").id
        budgets.release(held, now=NOON)
        assert (day().spent_usd, day().reserved_usd) == (usd("0"), usd("0"))
        charged = reserve("0.5").id
        budgets.settle(charged, cost_usd=None, now=NOON)
        budgets.release(charged, now=NOON)
        assert day().spent_usd == usd("0.5")

    def test_an_orphan_is_charged_at_its_maximum_after_its_time_only(self):
        orphan = reserve("0.5").id
        assert budgets.expire_reservations(NOON + timedelta(seconds=119)) == 0
        assert budgets.expire_reservations(NOON + timedelta(seconds=120)) == 1
        assert day().spent_usd == usd("0.5")
        assert Reservation.objects.get(pk=orphan).state == Reservation.State.EXPIRED
        assert budgets.expire_reservations(NOON + timedelta(days=1)) == 0

    def test_an_unknown_reservation_is_an_error(self):
        with pytest.raises(UnknownReservation):
            budgets.settle(uuid4(), cost_usd=None)


@pytest.mark.django_db
class TestWindows:
    LATE = datetime(2026, 12, 1, 2, 59, tzinfo=UTC)  # 30 November, 23:59 in São Paulo
    EARLY = LATE + timedelta(minutes=2)

    def test_midnight_in_sao_paulo_empties_the_day_and_the_month(self):
        budgets.settle(reserve("1", now=self.LATE).id, cost_usd=usd("1"), now=self.LATE)
        assert day(self.EARLY).spent_usd == month(self.EARLY).spent_usd == 0
        reserve("1", now=self.EARLY)
        assert day(self.EARLY).reserved_usd == usd("1")

    def test_a_midnight_within_the_month_keeps_the_month(self):
        budgets.settle(reserve("1").id, cost_usd=usd("1"), now=NOON)
        tomorrow = NOON + timedelta(days=1)
        assert (day(tomorrow).spent_usd, month(tomorrow).spent_usd) == (usd("0"), usd("1"))

    def test_what_was_reserved_yesterday_is_charged_to_yesterday(self):
        held = reserve("0.6", now=self.LATE).id
        reserve("0.1", now=self.EARLY)
        budgets.settle(held, cost_usd=usd("0.5"), now=self.EARLY)
        assert (day(self.EARLY).spent_usd, day(self.EARLY).reserved_usd) == (usd("0"), usd("0.1"))
        assert ledger_faults() == ()

    def test_a_caller_that_waited_across_midnight_counts_in_the_new_window(self):
        reserve("0.3", now=self.EARLY)
        reserve("0.3", now=self.LATE)
        assert day(self.EARLY).reserved_usd == usd("0.6")
        assert ledger_faults() == ()

    def test_the_month_resets_on_the_first_of_the_next_one(self):
        assert month(self.LATE).resets_at == datetime(2026, 12, 1, 3, tzinfo=UTC)
        assert month(datetime(2026, 1, 31, 15, tzinfo=UTC)).resets_at == datetime(2026, 2, 1, 3, tzinfo=UTC)


@pytest.mark.django_db
class TestLedgerCheck:
    def test_honest_books_pass(self, capsys):
        budgets.settle(reserve("0.5").id, cost_usd=usd("0.2"), now=NOON)
        reserve("0.1")
        call_command("check_ledger")
        assert capsys.readouterr().out

    @pytest.mark.parametrize(
        ("tampering", "what"),
        [
            (lambda: BudgetLimit.objects.update(spent_usd=usd("0.1")), "limit spent"),
            (lambda: BudgetLimit.objects.update(reserved_usd=usd("0.9")), "limit reserved"),
            (lambda: Reservation.objects.filter(state="settled").update(cost_usd=usd("9")), "reservation cost"),
            (lambda: Reservation.objects.filter(state="open").update(state="released"), "reservation reserved"),
            (lambda: LedgerEntry.objects.all().delete(), "reservation without entries"),
        ],
    )
    def test_cooked_books_are_found(self, tampering, what):
        budgets.settle(reserve("0.5").id, cost_usd=usd("0.2"), now=NOON)
        reserve("0.1")
        tampering()
        assert what in {fault.what for fault in ledger_faults()}
        with pytest.raises(CommandError):
            call_command("check_ledger")


@pytest.mark.django_db(transaction=True)
class TestCrowds:
    def test_fifty_threads_cannot_overspend(self):
        """Each wants 0.05 of a dollar, reserves and settles or not: at most twenty get it."""

        def spend(number: int) -> bool:
            try:
                held = budgets.reserve(tenant=TENANT, max_cost_usd=usd("0.05"), user_id=number, key_id=None, now=NOON)
                if number % 2:
                    budgets.settle(held.id, cost_usd=usd("0.05"), now=NOON)
            except BudgetExhausted:
                return False
            finally:
                connections.close_all()
            return True

        with ThreadPoolExecutor(50) as crowd:
            granted = sum(crowd.map(spend, range(50)))
        today = day()
        assert granted == 20
        assert today.spent_usd + today.reserved_usd == usd("1")
        assert ledger_faults() == ()

    def test_many_settling_the_same_reservation_charge_it_once(self):
        held = reserve("0.5")

        def settle(cents: int) -> Decimal:
            try:
                return budgets.settle(held.id, cost_usd=usd(f"0.{cents:02}"), now=NOON)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(8) as crowd:
            charged = set(crowd.map(settle, range(1, 9)))
        assert charged == {day().spent_usd}
        assert ledger_faults() == ()

    def test_a_killed_process_leaves_reservations_that_are_charged_at_their_maximum(self):
        with _spender() as spender:
            for _ in range(3):
                assert spender.stdout is not None
                assert spender.stdout.readline() == "reserved\n"
            spender.send_signal(signal.SIGKILL)
            spender.wait()
        orphans = Reservation.objects.filter(state="open").count()
        assert orphans >= 3
        assert budgets.expire_reservations(NOON + timedelta(minutes=10)) == orphans
        assert not Reservation.objects.filter(state="open").exists()
        assert day().spent_usd == orphans * usd("0.0001")
        assert ledger_faults() == ()


def _spender() -> subprocess.Popen[str]:
    """A process of its own that reserves, over and over, in this test's database."""
    script = (
        "import django; django.setup()\n"
        "from datetime import datetime\n"
        "from decimal import Decimal\n"
        "from django.db import connection\n"
        f"connection.settings_dict['NAME'] = {connection.settings_dict['NAME']!r}\n"
        "from telemetry.budgets import reserve\n"
        f"noon = datetime.fromisoformat({NOON.isoformat()!r})\n"
        "while True:\n"
        "    reserve(tenant='default', max_cost_usd=Decimal('0.0001'), user_id=None, key_id=None, now=noon)\n"
        "    print('reserved', flush=True)\n"
    )
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "aion.settings"}
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
