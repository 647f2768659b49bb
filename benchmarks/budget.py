"""Whether the budget holds: 200 threads spend against one limit, and the process that runs them is killed in the
middle, five times over; the next process goes on where it fell. The provider keeps its own book: each call writes what
it cost to a file before AION hears of it.

`overspent_usd` is what the provider charged beyond the limit, `unbooked_usd` what it charged and the ledger does not
know. Reservations that nobody settles are charged at their maximum once they expire, so the ledger may say more."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from benchmarks.lines import Line
from benchmarks.options import Options
from telemetry import budgets
from telemetry.ledger import ledger_faults
from telemetry.models import BudgetLimit, LedgerEntry, Reservation

ROUNDS = 5
THREADS = 200
LIMIT_USD = Decimal("5")
NEVER_SETTLING = range(0, THREADS, 4)  # users whose answers nobody waits for: see the spender
SPENDER = Path(__file__).with_name("budget_spender.py")
PATIENCE_S = 240


def measure(options: Options) -> Iterator[Line]:
    """Each round with empty books, and a kill at another moment. Not around midnight, which begins a new window."""
    moments = random.Random(7)
    for number in range(1, ROUNDS + 1):
        with TemporaryDirectory(prefix="aion-bench-") as folder:
            yield from _round(f"round {number}", Path(folder) / "charged", kill_after=moments.uniform(0.1, 0.6))


def _round(case: str, charged: Path, *, kill_after: float) -> Iterator[Line]:
    """`kill_after`: the share of the limit that is charged when the process is killed."""
    charged.touch()
    _empty_the_books()
    began = time.monotonic()
    with _spending(charged) as first:
        _wait_until_charged(charged, LIMIT_USD * Decimal(str(kill_after)), first)
    cut_off = Reservation.objects.filter(state=Reservation.State.OPEN).exclude(user_id__in=NEVER_SETTLING).count()
    with _spending(charged) as second:
        if second.wait(PATIENCE_S):
            raise RuntimeError(f"the spending process ended with {second.returncode}")
    seconds = time.monotonic() - began
    budgets.expire_reservations(timezone.now() + timedelta(minutes=10))
    booked = LedgerEntry.objects.filter(limit__period="day").aggregate(all=Sum("spent_delta_usd"))["all"]
    costs = _costs(charged)
    total = sum(costs, Decimal(0))
    about = {"n": len(costs), "threads": THREADS, "limit_usd": float(LIMIT_USD), "cut_off_by_the_kill": cut_off}
    figures: dict[str, Decimal | float] = {
        "overspent_usd": max(Decimal(0), total - LIMIT_USD),
        "unbooked_usd": max(Decimal(0), total - booked),
        "charged_usd": total,
        "booked_usd": booked,
        "ledger_faults": len(ledger_faults()),
        "open_after_expiry": Reservation.objects.filter(state=Reservation.State.OPEN).count(),
        "calls_per_s": len(costs) / seconds,
    }
    for metric, value in figures.items():
        yield Line(case, metric, float(value), conditions=about)


def _empty_the_books() -> None:
    """One limit of a day; the month's is out of the way."""
    LedgerEntry.objects.all().delete()
    Reservation.objects.all().delete()
    BudgetLimit.objects.all().delete()
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.filter(period="day").update(limit_usd=LIMIT_USD)
    BudgetLimit.objects.filter(period="month").update(limit_usd=LIMIT_USD * 100)


@contextmanager
def _spending(charged: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that spends, killed with SIGKILL at the end of the block if it still does."""
    process = subprocess.Popen([sys.executable, str(SPENDER), str(charged), str(THREADS)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_until_charged(charged: Path, amount: Decimal, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while sum(_costs(charged), Decimal(0)) < amount:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the spending process ended before it was to be killed")
        time.sleep(0.02)


def _costs(charged: Path) -> list[Decimal]:
    """What the provider charged, call by call; each was one write, so no line is torn."""
    return [Decimal(line) for line in charged.read_text().splitlines()]
