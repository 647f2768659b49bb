"""A process of its own: threads that reserve, are charged by a provider, and settle, until the budget refuses them.

`budget_spender.py FILE THREADS KEY`: each charge is appended to FILE in one write, which is the provider's own book.
Every other thread calls with the key.
"""

from __future__ import annotations

import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

LARGEST_USD = Decimal("0.01")


def main(charged: str, threads: int, key_id: int) -> None:
    import django

    django.setup()
    book = os.open(charged, os.O_WRONLY | os.O_APPEND)
    with ThreadPoolExecutor(threads) as crowd:
        for result in [crowd.submit(_spend, number, book, key_id if number % 2 else None) for number in range(threads)]:
            result.result()


def _spend(number: int, book: int, key_id: int | None) -> None:
    from django.conf import settings
    from django.db import OperationalError, connection

    from telemetry import budgets
    from telemetry.exceptions import BudgetExhausted, BudgetUnavailable

    prices = random.Random(number)
    while True:
        try:
            held = budgets.reserve(
                tenant=settings.PRIMARY_TENANT_ID, max_cost_usd=LARGEST_USD, user_id=number, key_id=key_id
            )
        except BudgetExhausted:
            return
        except BudgetUnavailable:  # more threads than the database takes connections: no money, another try
            time.sleep(prices.uniform(0.01, 0.05))
            continue
        finally:
            connection.close()
        cost = (LARGEST_USD * Decimal(prices.uniform(0.2, 1.0))).quantize(Decimal("0.000001"))
        time.sleep(prices.uniform(0.0, 0.02))  # the provider answers
        os.write(book, f"{'key' if key_id else 'none'} {cost}\n".encode())
        try:
            if number % 4:  # of every fourth user nobody comes to settle: it expires
                budgets.settle(held.id, cost_usd=cost)
        except OperationalError:  # it expires, and is charged at its maximum
            pass
        finally:
            connection.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
