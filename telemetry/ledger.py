"""Does the money add up? Compares the limits' counters and the reservations' states with the ledger's sums."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.db import connection


@dataclass(frozen=True)
class LedgerFault:
    """`what` of row `id` says `found` where the ledger's entries say `expected` (US$)."""

    what: str
    id: str
    expected: Decimal
    found: Decimal


# One statement sees one snapshot, so the check may run while money moves.
FAULTS = """
WITH window_sums AS (
    SELECT l.id, l.reserved_usd, l.spent_usd,
           COALESCE(SUM(e.reserved_delta_usd), 0) AS reserved, COALESCE(SUM(e.spent_delta_usd), 0) AS spent
      FROM telemetry_budgetlimit l
      LEFT JOIN telemetry_ledgerentry e ON e.limit_id = l.id AND e.window_start = l.window_start
     GROUP BY l.id
), reservation_sums AS (
    SELECT r.id, e.limit_id,
           CASE WHEN r.state = 'open' THEN r.amount_usd ELSE 0 END AS still_reserved, COALESCE(r.cost_usd, 0) AS cost,
           SUM(e.reserved_delta_usd) AS reserved, SUM(e.spent_delta_usd) AS spent
      FROM telemetry_reservation r
      JOIN telemetry_ledgerentry e ON e.reservation_id = r.id
     GROUP BY r.id, e.limit_id
)
SELECT 'limit reserved', id::text, reserved, reserved_usd FROM window_sums WHERE reserved <> reserved_usd
UNION ALL
SELECT 'limit spent', id::text, spent, spent_usd FROM window_sums WHERE spent <> spent_usd
UNION ALL
SELECT 'reservation reserved', id::text, reserved, still_reserved FROM reservation_sums WHERE reserved <> still_reserved
UNION ALL
SELECT 'reservation cost', id::text, spent, cost FROM reservation_sums WHERE spent <> cost
UNION ALL
SELECT 'reservation without entries', r.id::text, 0, r.amount_usd FROM telemetry_reservation r
 WHERE NOT EXISTS (SELECT FROM telemetry_ledgerentry e WHERE e.reservation_id = r.id)
"""


def ledger_faults() -> tuple[LedgerFault, ...]:
    """Every place where the ledger does not add up; empty when all is right."""
    with connection.cursor() as cursor:
        cursor.execute(FAULTS)
        return tuple(LedgerFault(*row) for row in cursor.fetchall())
