"""What was asked, one row a question, as whoever replays it with other settings needs it. Reads; decides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from telemetry.events import EventKind
from telemetry.models import Event, Review
from telemetry.partitions import lowest_id

MOST_QUESTIONS = 100_000
HIGHEST_ID = UUID(int=2**128 - 1)
FAILED_ATTEMPTS = ("empty_answer", "unsupported")  # reasons after which another way was taken: the model had tried


@dataclass(frozen=True, slots=True)
class LocalAttempt:
    """An answer of the local model: whether it passed its check, and what tells how good it is."""

    passed: bool
    mode: str = ""
    grounded: bool | None = None
    mean_logprob: float | None = None
    min_logprob: float | None = None


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """An answered question, "not found" being an answer too; failures of the machine are left out.

    `tau` is what was in force for it, NaN where that was not logged; `forced` that its asker wanted the paid API (the
    timed switch shows in `reason` alone). `local` is what the local model's attempt came to: at the time, or at night
    where the paid API had answered; None where it never tried. `right` is what people said of a local answer, None
    where nobody did: a review by staff before what askers thought. `judge_id` is who reviewed it, else who asked.
    `signals` are those of the retrieval, {} where they were not asked for.
    """

    event_id: UUID
    at: datetime
    day: date
    judge_id: int | None
    confidence: float
    tau: float
    route: str
    reason: str
    forced: bool
    cost_usd: float
    local: LocalAttempt | None
    right: bool | None
    signals: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Undrafted:
    """A question that the local model never tried: what was searched for it, and who asked."""

    event_id: UUID
    query: str
    user_id: int | None


@dataclass(frozen=True, slots=True)
class JudgedAnswer:
    """An answer that somebody found good, or of which somebody said which sources bear on the question. `chosen` are
    the chunks that its search selected, the best first; () where that is not kept."""

    query: str
    sources: Sequence[Mapping[str, Any]]
    relevant_sources: tuple[int, ...]
    judge_id: int | None
    chosen: tuple[int, ...] = ()


_ASKED = """
SELECT e.id, e.at, (e.meta ->> 'C')::float8, COALESCE((e.meta ->> 'tau')::float8, 'NaN'),
       COALESCE(v.reviewer_id, (e.meta ->> 'userId')::bigint),
       e.meta ->> 'source', e.meta ->> 'reason',
       COALESCE((e.meta ->> 'forced')::bool, false), COALESCE((e.meta ->> 'costUsd')::float8, 0),
       e.meta ->> 'mode', (e.meta ->> 'grounded')::bool,
       (e.meta ->> 'meanLogprob')::float8, (e.meta ->> 'minLogprob')::float8,
       v.verdict, f.vote, f.corrected, {signals}
  FROM telemetry_event e
  LEFT JOIN telemetry_review v ON v.event_id = e.id AND v.tenant = e.tenant
  LEFT JOIN LATERAL (
       SELECT min(vote) AS vote, bool_or(correction <> '') AS corrected
         FROM telemetry_feedback WHERE event_id = e.id AND tenant = e.tenant
  ) f ON true
 WHERE e.tenant = %(tenant)s AND e.kind = 'answer' AND e.id >= %(low)s AND e.id < %(high)s
   AND e.meta ->> 'status' = 'answered' AND e.meta ->> 'C' IS NOT NULL
 ORDER BY e.id DESC LIMIT %(most)s
"""
_SIGNALS = """(
       SELECT r.meta -> 'features' FROM telemetry_event r
        WHERE r.id = (e.meta ->> 'retrievalId')::uuid AND r.tenant = e.tenant AND r.kind = 'retrieval')"""


def asked_between(
    tenant: str, since: datetime, until: datetime, *, with_signals: bool = False
) -> tuple[AskedQuestion, ...]:
    """The questions of [since, until), oldest first; of more than `MOST_QUESTIONS` the latest."""
    drafts = _drafts(tenant, since)
    with connection.cursor() as cursor:
        cursor.execute(
            _ASKED.format(signals=_SIGNALS if with_signals else "NULL"),
            {"tenant": tenant, "low": lowest_id(since), "high": lowest_id(until), "most": MOST_QUESTIONS},
        )
        rows = cursor.fetchall()
    return tuple(_asked(row, drafts) for row in reversed(rows))


_UNDRAFTED = """
SELECT e.id, COALESCE(r.meta ->> 'query', e.meta ->> 'prompt'), (e.meta ->> 'userId')::bigint
  FROM telemetry_event e
  LEFT JOIN telemetry_event r
    ON r.id = (e.meta ->> 'retrievalId')::uuid AND r.tenant = e.tenant AND r.kind = 'retrieval'
 WHERE e.tenant = %(tenant)s AND e.kind = 'answer' AND e.id >= %(low)s AND e.id < %(high)s
   AND e.meta ->> 'status' = 'answered' AND e.meta ->> 'reason' IN ('low_confidence', 'forced')
   AND e.meta ->> 'source' <> 'local'
   AND NOT EXISTS (
       SELECT FROM telemetry_event d
        WHERE d.tenant = e.tenant AND d.kind = 'draft' AND d.id > e.id AND d.meta ->> 'answerId' = e.id::text)
 ORDER BY (e.meta ->> 'source' = 'fallback') DESC, e.id LIMIT %(most)s
"""


_JUDGED = """
WITH judged AS (
    SELECT tenant, event_id, '{}'::smallint[] AS relevant_sources, reviewer_id AS judge_id, 1 AS turn
      FROM telemetry_review WHERE verdict = 'approved'
    UNION ALL
    SELECT f.tenant, f.event_id, f.relevant_sources, f.user_id, 2
      FROM telemetry_feedback f
      LEFT JOIN telemetry_review v ON v.event_id = f.event_id AND v.tenant = f.tenant
     WHERE f.vote > 0 AND f.correction = '' AND COALESCE(v.verdict, 'approved') = 'approved'
        OR cardinality(f.relevant_sources) > 0
), latest AS (
    SELECT * FROM judged
     WHERE tenant = %(tenant)s AND event_id >= %(low)s AND event_id < %(high)s
     ORDER BY event_id DESC, turn DESC LIMIT %(most)s
)
SELECT COALESCE(r.meta ->> 'query', e.meta ->> 'prompt'), e.meta -> 'sources', j.relevant_sources, j.judge_id,
       jsonb_path_query_array(r.meta, '$.items[*].chunkId')
  FROM latest j
  JOIN telemetry_event e ON e.id = j.event_id AND e.tenant = j.tenant AND e.kind = 'answer'
  LEFT JOIN telemetry_event r
    ON r.id = (e.meta ->> 'retrievalId')::uuid AND r.tenant = e.tenant AND r.kind = 'retrieval'
 WHERE e.id >= %(low)s AND e.id < %(high)s
 ORDER BY e.id, j.turn
"""


def undrafted(tenant: str, since: datetime, until: datetime, *, most: int) -> tuple[Undrafted, ...]:
    """The questions of [since, until) that were not answered here and have no draft yet; paid ones first."""
    with connection.cursor() as cursor:
        low, high = lowest_id(since), lowest_id(until)
        cursor.execute(_UNDRAFTED, {"tenant": tenant, "low": low, "high": high, "most": most})
        return tuple(Undrafted(*row) for row in cursor.fetchall())


def judged_answers(
    tenant: str, since: datetime, until: datetime | None = None, *, most: int = MOST_QUESTIONS
) -> tuple[JudgedAnswer, ...]:
    """Those asked in [since, until), the oldest first; of more than `most` judgements the latest. `query` is what was
    searched. What staff reviewed otherwise is not good because its asker liked it; the sources an asker named say
    nothing of the answer, and stay."""
    high = lowest_id(until) if until else HIGHEST_ID
    with connection.cursor() as cursor:
        cursor.execute(_JUDGED, {"tenant": tenant, "low": lowest_id(since), "high": high, "most": most})
        rows = cursor.fetchall()
    return tuple(
        JudgedAnswer(query, _read(sources) or (), tuple(numbers), judge_id, tuple(_read(chosen) or ()))
        for query, sources, numbers, judge_id, chosen in rows
    )


def _asked(row: tuple[Any, ...], drafts: Mapping[str, LocalAttempt]) -> AskedQuestion:
    event_id, at, confidence, tau, judge_id, route, reason, forced, cost, *attempt = row[:-4]
    *said, signals = row[-4:]
    local: LocalAttempt | None = None
    if route == "local":
        mode, grounded, mean, lowest = attempt
        local = LocalAttempt(True, mode or "", grounded, mean, lowest)
    elif reason in FAILED_ATTEMPTS:
        local = LocalAttempt(False)
    return AskedQuestion(
        event_id=event_id,
        at=at,
        judge_id=judge_id,
        day=timezone.localtime(at).date(),
        confidence=confidence,
        tau=tau,
        route=route or "",
        reason=reason or "",
        forced=forced,
        cost_usd=cost,
        local=local or drafts.get(str(event_id)),
        right=_right(*said) if route == "local" else None,
        signals=_read(signals) or {},
    )


def _read(column: str | None) -> Any:
    """A jsonb column as Django leaves it to raw SQL."""
    return json.loads(column) if column else None


def _right(verdict: str | None, vote: int | None, corrected: bool | None) -> bool | None:
    """A review by staff decides. Without one: who corrects an answer says that it was wrong, whatever the vote; of
    several opinions the worst counts."""
    if verdict:
        return verdict == Review.Verdict.APPROVED
    if corrected or (vote is not None and vote < 0):
        return False
    return True if vote else None


def _drafts(tenant: str, since: datetime) -> dict[str, LocalAttempt]:
    """What the local model made since then, and so of all questions since then, by the id of their answers."""
    rows = Event.objects.filter(tenant=tenant, kind=EventKind.DRAFT, id__gte=lowest_id(since)).values_list(
        "meta", flat=True
    )
    return {str(meta["answerId"]): _drafted(meta) for meta in rows.iterator()}


def _drafted(meta: Mapping[str, Any]) -> LocalAttempt:
    return LocalAttempt(
        passed=bool(meta["passed"]),
        mode=str(meta.get("mode") or ""),
        grounded=meta.get("grounded"),
        mean_logprob=meta.get("meanLogprob"),
        min_logprob=meta.get("minLogprob"),
    )
