"""Whether the budget holds: 200 threads spend against one limit, half of them with a key that has a smaller one of its
own, and the process that runs them is killed in the middle, five times over; the next process goes on where it fell.
The provider keeps its own book: each call writes what it cost to a file before AION hears of it.

Beside it LiteLLM's proxy with a budget, killed once and started again (`benchmarks.litellm_proxy`).

`overspent_usd` is what the provider charged beyond the limit, `unbooked_usd` what it charged and the ledger does not
know; both also of the key. `alerts_repeated` are alerts told more than once for a limit, window and threshold.
Reservations that nobody settles are charged at their maximum once they expire, so the ledger may say more."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from benchmarks import litellm_proxy
from benchmarks.lines import Line
from benchmarks.options import Options
from telemetry import budgets
from telemetry.ledger import ledger_faults
from telemetry.models import BudgetLimit, Event, LedgerEntry, Reservation

ROUNDS = 5
THREADS = 200
LIMIT_USD = Decimal("5")
KEY_LIMIT_USD = Decimal("1.5")
KEY_ID = 1
NEVER_SETTLING = range(0, THREADS, 4)  # users whose answers nobody waits for: see the spender
SPENDER = Path(__file__).with_name("budget_spender.py")
PATIENCE_S = 240


def measure(options: Options) -> Iterator[Line]:
    """Each round with empty books, and a kill at another moment. Not around midnight, which begins a new window."""
    moments = random.Random(7)
    for number in range(1, ROUNDS + 1):
        with TemporaryDirectory(prefix="aion-bench-") as folder:
            yield from _round(f"round {number}", Path(folder) / "charged", kill_after=moments.uniform(0.1, 0.6))
    yield from litellm_proxy.measure(threads=THREADS)


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
    costs = _costs(charged)
    total, of_key = _charged(costs), _charged(costs, key=True)
    booked, booked_of_key = _booked(key_id=None), _booked(key_id=KEY_ID)
    told = Event.objects.filter(kind="budget", meta__limitId__in=list(BudgetLimit.objects.values_list("pk", flat=True)))
    about = {
        "n": len(costs),
        "threads": THREADS,
        "limit_usd": float(LIMIT_USD),
        "key_limit_usd": float(KEY_LIMIT_USD),
        "cut_off_by_the_kill": cut_off,
    }
    figures: dict[str, Decimal | float] = {
        "overspent_usd": max(Decimal(0), total - LIMIT_USD),
        "key_overspent_usd": max(Decimal(0), of_key - KEY_LIMIT_USD),
        "unbooked_usd": max(Decimal(0), total - booked),
        "key_unbooked_usd": max(Decimal(0), of_key - booked_of_key),
        "charged_usd": total,
        "key_charged_usd": of_key,
        "booked_usd": booked,
        "ledger_faults": len(ledger_faults()),
        "alerts": told.count(),
        "alerts_repeated": told.count() - told.values("meta__limitId", "meta__windowStart", "value").distinct().count(),
        "open_after_expiry": Reservation.objects.filter(state=Reservation.State.OPEN).count(),
        "calls_per_s": len(costs) / seconds,
    }
    for metric, value in figures.items():
        yield Line(case, metric, float(value), conditions=about)


def _empty_the_books() -> None:
    """A day's limit for everyone and one for a key; the month's is out of the way."""
    LedgerEntry.objects.all().delete()
    Reservation.objects.all().delete()
    BudgetLimit.objects.all().delete()
    budgets.status(settings.PRIMARY_TENANT_ID)
    BudgetLimit.objects.filter(period="day").update(limit_usd=LIMIT_USD)
    BudgetLimit.objects.filter(period="month").update(limit_usd=LIMIT_USD * 100)
    BudgetLimit.objects.create(
        tenant=settings.PRIMARY_TENANT_ID,
        period="day",
        key_id=KEY_ID,
        limit_usd=KEY_LIMIT_USD,
        window_start=timezone.localdate(),
    )


@contextmanager
def _spending(charged: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that spends, killed with SIGKILL at the end of the block if it still does."""
    process = subprocess.Popen([sys.executable, str(SPENDER), str(charged), str(THREADS), str(KEY_ID)])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _wait_until_charged(charged: Path, amount: Decimal, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while _charged(_costs(charged)) < amount:
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the spending process ended before it was to be killed")
        time.sleep(0.02)


def _costs(charged: Path) -> list[tuple[str, Decimal]]:
    """Who was charged what by the provider, call by call; each was one write, so no line is torn."""
    return [(who, Decimal(cost)) for who, cost in map(str.split, charged.read_text().splitlines())]


def _charged(costs: Iterable[tuple[str, Decimal]], *, key: bool = False) -> Decimal:
    return sum((cost for who, cost in costs if who == "key" or not key), Decimal(0))


def _booked(*, key_id: int | None) -> Decimal:
    """What the ledger says was spent under the day's limit of everyone, or of a key."""
    entries = LedgerEntry.objects.filter(limit__period="day", limit__group="", limit__key_id=key_id)
    booked: Decimal = entries.aggregate(all=Sum("spent_delta_usd", default=Decimal(0)))["all"]
    return booked
