"""Whether the budget holds: 200 threads spend against one limit, and the process that runs them is killed in the
middle, five times over; the next process goes on where it fell. The provider keeps its own book: each call writes what
it cost to a file before AION hears of it.

`overspent_usd` is what the provider charged beyond the limit. Reservations that a killed process left open are charged
at their maximum once they expire, so that the ledger may say more than the provider, never less."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.utils import timezone

from benchmarks.lines import Line
from benchmarks.options import Options
from telemetry import budgets
from telemetry.ledger import ledger_faults
from telemetry.models import BudgetLimit, Reservation

ROUNDS = 5
THREADS = 200
LIMIT_USD = Decimal("5")
SPENDER = Path(__file__).with_name("budget_spender.py")
PATIENCE_S = 240


def measure(options: Options) -> Iterator[Line]:
    """Each round in a tenant's fresh window, with a kill at another moment."""
    moments = random.Random(7)
    for number in range(1, ROUNDS + 1):
        with TemporaryDirectory(prefix="aion-bench-") as folder:
            yield from _round(f"round {number}", Path(folder) / "charged", kill_after=moments.uniform(0.1, 0.6))


def _round(case: str, charged: Path, *, kill_after: float) -> Iterator[Line]:
    """`kill_after`: the share of the limit that is charged when the process is killed."""
    charged.touch()
    _empty_the_books()
    began = time.monotonic()
    first = _spend(charged)
    try:
        _wait_until_charged(charged, LIMIT_USD * Decimal(str(kill_after)), first)
    finally:
        first.kill()
        first.wait()
    orphans = Reservation.objects.filter(state=Reservation.State.OPEN).count()
    second = _spend(charged)
    if second.wait(PATIENCE_S):
        raise RuntimeError(f"the spending process ended with {second.returncode}")
    seconds = time.monotonic() - began
    budgets.expire_reservations(timezone.now() + timedelta(minutes=10))
    spent = BudgetLimit.objects.get(tenant=settings.PRIMARY_TENANT_ID, period="day").spent_usd
    costs = _costs(charged)
    about = {"n": len(costs), "threads": THREADS, "limit_usd": float(LIMIT_USD), "orphans": orphans}
    figures: dict[str, Decimal | float] = {
        "overspent_usd": max(Decimal(0), sum(costs, Decimal(0)) - LIMIT_USD),
        "charged_usd": sum(costs, Decimal(0)),
        "booked_usd": spent,
        "ledger_faults": len(ledger_faults()),
        "open_after_expiry": Reservation.objects.filter(state=Reservation.State.OPEN).count(),
        "calls_per_s": len(costs) / seconds,
    }
    for metric, value in figures.items():
        yield Line(case, metric, float(value), conditions=about)


def _empty_the_books() -> None:
    """One limit of a day; the month's is out of the way."""
    Reservation.objects.all().delete()
    BudgetLimit.objects.all().delete()
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.filter(period="day").update(limit_usd=LIMIT_USD)
    BudgetLimit.objects.filter(period="month").update(limit_usd=LIMIT_USD * 100)


def _spend(charged: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(SPENDER), str(charged), str(THREADS)])


def _wait_until_charged(charged: Path, amount: Decimal, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while sum(_costs(charged), Decimal(0)) < amount:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the spending process ended before it was to be killed")
        time.sleep(0.02)


def _costs(charged: Path) -> list[Decimal]:
    """What the provider charged, call by call; a kill may leave the last line half written only where it was not."""
    return [Decimal(line) for line in charged.read_text().splitlines()]
