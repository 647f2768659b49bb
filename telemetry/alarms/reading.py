"""What the events of the last minutes say for alarms. Reads; decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from telemetry.partitions import lowest_id

NOT_OURS = ("hung_up", "engine_busy")  # who left failed nothing; what was turned away is the queue's alarm


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Of the questions asked since a moment: all, those that failed for a reason of ours, those turned away."""

    asked: int
    failed: int
    turned_away: int


def outcomes(tenant: str, since: datetime) -> Outcomes:
    """Without those whose asker left before the answer."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FILTER (WHERE COALESCE(meta ->> 'error', '') <> 'hung_up'),
                   count(*) FILTER (WHERE meta ->> 'status' = 'failed' AND NOT meta ->> 'error' = ANY(%(not_ours)s)),
                   count(*) FILTER (WHERE meta ->> 'error' = 'engine_busy')
              FROM telemetry_event WHERE tenant = %(tenant)s AND kind = 'answer' AND id >= %(low)s
            """,
            {"tenant": tenant, "low": lowest_id(since), "not_ours": list(NOT_OURS)},
        )
        return Outcomes(*cursor.fetchone())


def spared_models(tenant: str, since: datetime) -> list[str]:
    """The paid models that the last question which came to them found spared, after failures in a row."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT model FROM (
                SELECT DISTINCT ON (attempt ->> 'model') attempt ->> 'model' AS model, attempt ->> 'outcome' AS outcome
                  FROM telemetry_event e,
                       LATERAL jsonb_array_elements(e.meta -> 'attempts') WITH ORDINALITY AS tried (attempt, place)
                 WHERE e.tenant = %(tenant)s AND e.kind IN ('fallback', 'answer') AND e.id >= %(low)s
                   AND e.meta ? 'attempts'
                 ORDER BY attempt ->> 'model', e.id DESC, place DESC
            ) latest WHERE outcome = 'circuit_open' ORDER BY model
            """,
            {"tenant": tenant, "low": lowest_id(since)},
        )
        return [model for (model,) in cursor.fetchall()]
