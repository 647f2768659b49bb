"""How the events, opinions and reviews of one hour are counted: one statement an hour, one for the day above it.

Sums are exact (numeric), so that counting again comes to the same whatever the order. What is not what it should be (a
confidence that is no number) is left out: a strange event must not stop the counting of the others.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from telemetry.models import Rollup
from telemetry.models.ids import lowest_id
from telemetry.rollups.bins import BINS_A_DECADE, CONFIDENCE_BINS, LATENCY_BINS, SHORTEST_MS

HOUR = timedelta(hours=1)


def _number(column: str) -> str:
    return f"CASE WHEN jsonb_typeof({column}) = 'number' THEN least(greatest(({column})::numeric, -1e12), 1e12) END"


def _object(column: str) -> str:
    return f"CASE WHEN jsonb_typeof({column}) = 'object' THEN {column} ELSE '{{}}' END"


_CONFIDENCE_BIN = f"greatest(0, least({CONFIDENCE_BINS - 1}, floor(confidence * {CONFIDENCE_BINS})))::int"
_LATENCY_BIN = (
    f"greatest(0, least({LATENCY_BINS - 1},"
    f" floor({BINS_A_DECADE} * log(greatest(ms, {SHORTEST_MS})::float8 / {SHORTEST_MS}))))::int"
)
_OF_THE_HOUR = "e.tenant = %(tenant)s AND e.id >= %(low)s AND e.id < %(high)s AND jsonb_typeof(e.meta) = 'object'"
_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_OPINIONS = "tenant = %(tenant)s AND event_id >= %(low)s AND event_id < %(high)s"

# One row a fact (metric, label, bin, name, value); a row without label is none.
_COUNT_HOUR = f"""
WITH answers AS MATERIALIZED (
    SELECT e.id, COALESCE(m.status, 'answered') = 'answered' AS answered, m.reason, m.mode, m.model, m.adapter,
           m."adapterDigest" AS digest, m.error, m.grounded,
           {_object("m.timings")} AS timings, {_object("m.usage")} AS usage,
           CASE WHEN m.source IN ('local', 'fallback', 'abstain') THEN m.source ELSE 'failed' END AS route,
           {_number('m."C"')} AS confidence, {_number('m."costUsd"')} AS cost
      FROM telemetry_event e CROSS JOIN LATERAL jsonb_to_record(e.meta) AS m(
           status text, source text, reason text, mode text, model text, adapter text, "adapterDigest" text, error text,
           grounded text, timings jsonb, usage jsonb, "C" jsonb, "costUsd" jsonb)
     WHERE {_OF_THE_HOUR} AND e.kind = 'answer'
), searches AS MATERIALIZED (
    SELECT e.id, item ->> 'documentId' AS document, max(item ->> 'title') AS title, count(item) > 0 AS found
      FROM telemetry_event e LEFT JOIN LATERAL jsonb_path_query(e.meta, '$.items[*]') AS item ON true
     WHERE {_OF_THE_HOUR} AND e.kind = 'retrieval' GROUP BY e.id, document
), opinions AS (
    SELECT event_id, vote, correction <> '' AS corrected FROM telemetry_feedback WHERE {_OPINIONS}
), reviews AS (
    SELECT event_id, verdict FROM telemetry_review WHERE {_OPINIONS}
), judged AS (
    SELECT a.confidence, CASE WHEN r.verdict IS NULL THEN 'vote' ELSE 'review' END AS by,
           CASE WHEN r.verdict IS NOT NULL THEN r.verdict = 'approved'
                WHEN o.corrected OR o.worst < 0 THEN false WHEN o.worst > 0 THEN true END AS good
      FROM answers a
      LEFT JOIN reviews r ON r.event_id = a.id
      LEFT JOIN (SELECT event_id, min(vote) AS worst, bool_or(corrected) AS corrected FROM opinions GROUP BY event_id) o
             ON o.event_id = a.id
     WHERE a.answered AND a.route = 'local' AND a.confidence IS NOT NULL
), facts(metric, label, bin, name, value) AS (
    SELECT 'route', route, 0, '', 0 FROM answers
    UNION ALL SELECT 'reason', reason, 0, '', 0 FROM answers WHERE answered
    UNION ALL SELECT 'mode', mode, 0, '', 0 FROM answers WHERE answered AND route = 'local'
    UNION ALL SELECT 'model', model, 0, '', 0 FROM answers WHERE answered AND model <> ''
    UNION ALL SELECT 'adapter', digest, 0, adapter, 0 FROM answers WHERE answered AND route = 'local' AND model <> ''
    UNION ALL SELECT 'error', error, 0, '', 0 FROM answers WHERE NOT answered
    UNION ALL SELECT 'confidence', route, {_CONFIDENCE_BIN}, '', confidence FROM answers
               WHERE answered AND confidence IS NOT NULL
    UNION ALL SELECT CASE WHEN good THEN 'right' ELSE 'wrong' END, by, {_CONFIDENCE_BIN}, '', confidence FROM judged
               WHERE good IS NOT NULL
    UNION ALL SELECT 'latency', stage, {_LATENCY_BIN}, '', ms
                FROM answers CROSS JOIN LATERAL jsonb_each(timings) AS took(stage, found)
                     CROSS JOIN LATERAL (SELECT {_number("found")}) AS _(ms)
               WHERE answered AND (ms > 0 OR ms = 0 AND stage <> 'generate')
    UNION ALL SELECT 'input_tokens', route, 0, '', {_number("usage -> 'input_tokens'")} FROM answers
               WHERE answered AND usage ? 'input_tokens'
    UNION ALL SELECT 'output_tokens', route, 0, '', {_number("usage -> 'output_tokens'")} FROM answers
               WHERE answered AND usage ? 'output_tokens'
    UNION ALL SELECT 'cost', COALESCE(model, ''), 0, '', cost FROM answers WHERE cost > 0
    UNION ALL SELECT 'grounded', CASE grounded WHEN 'true' THEN 'yes' WHEN 'false' THEN 'no' END, 0, '', 0 FROM answers
               WHERE answered
    UNION ALL SELECT 'vote', CASE WHEN vote > 0 THEN 'up' WHEN vote < 0 THEN 'down' END, 0, '', 0 FROM opinions
    UNION ALL SELECT 'vote', 'corrected', 0, '', 0 FROM opinions WHERE corrected
    UNION ALL SELECT 'review', verdict, 0, '', 0 FROM reviews
    UNION ALL SELECT 'masked', masked_kind, 0, '', 0
                FROM telemetry_event e CROSS JOIN LATERAL jsonb_path_query(e.meta, '$.maskedKinds[*]') AS masked
                     CROSS JOIN LATERAL (SELECT masked #>> '{{}}') AS _(masked_kind)
               WHERE {_OF_THE_HOUR} AND e.kind = 'fallback'
    UNION ALL SELECT 'search', CASE WHEN bool_or(found) THEN 'found' ELSE 'empty' END, 0, '', 0
                FROM searches GROUP BY id
    UNION ALL SELECT 'document', document, 0, title, 0 FROM searches WHERE document ~ '{_UUID}'
)
INSERT INTO telemetry_rollup (tenant, grain, metric, start, label, bin, name, count, total)
SELECT %(tenant)s, 'hour', metric, %(start)s, left(label, 200) AS named, bin, left(COALESCE(max(name), ''), 300),
       count(*), COALESCE(sum(round(value, 10)), 0)
  FROM facts WHERE label IS NOT NULL GROUP BY metric, named, bin
"""  # noqa: S608  # of constants of this package

_ROWS = (
    "tenant = %(tenant)s AND grain = %(grain)s AND metric = ANY(%(metrics)s) AND start >= %(low)s AND start < %(high)s"
)
_FORGET = f"DELETE FROM telemetry_rollup WHERE {_ROWS}"  # noqa: S608
_COUNT_DAY = f"""
INSERT INTO telemetry_rollup (tenant, grain, metric, start, label, bin, name, count, total)
SELECT tenant, 'day', metric, %(low)s, label, bin, (array_agg(name ORDER BY start DESC))[1], sum(count), sum(total)
  FROM telemetry_rollup WHERE {_ROWS}
 GROUP BY tenant, metric, label, bin
"""  # noqa: S608


def count_hour(tenant: str, start: datetime) -> None:
    """Count the hour that begins at `start` again, within the caller's transaction."""
    until = start + HOUR
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, _rows(tenant, Rollup.Grain.HOUR, start, until))
        values: dict[str, Any] = {"tenant": tenant, "start": start, "low": lowest_id(start), "high": lowest_id(until)}
        cursor.execute(_COUNT_HOUR, values)


def count_day(tenant: str, day: date) -> None:
    """Add up the hours of a local day again, likewise."""
    start, until = midnight(day), midnight(day + timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, _rows(tenant, Rollup.Grain.DAY, start, until))
        cursor.execute(_COUNT_DAY, _rows(tenant, Rollup.Grain.HOUR, start, until))


def midnight(day: date) -> datetime:
    """When a local day begins."""
    return datetime.combine(day, time.min, tzinfo=timezone.get_default_timezone())


def _rows(tenant: str, grain: Rollup.Grain, low: datetime, high: datetime) -> dict[str, Any]:
    """Those of [low, high), by all the columns of the index."""
    return {"tenant": tenant, "grain": grain, "metrics": list(Rollup.Metric), "low": low, "high": high}
