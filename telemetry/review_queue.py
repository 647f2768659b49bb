"""Which answer a reviewer should see next: the one that teaches most, and that nobody else has on the screen.

Answers of the last `DAYS` without a verdict wait, unless the same reply to the same question has one, or is on the
screen. Each earns points for every reason to look at it, and the one with the most comes first, of equals the nearest
to tau:

- disagreement, 1 each: an asker's vote against the check of the answer; askers of one question who contradict each
  other; an answer of the local model, made afterwards, with other words than the paid one. Somebody is wrong there,
  and only a person can say who.
- a gap, 1 - 1/n: asked n times and not found, or below tau. What is written once there answers n people.
- near tau, 1 at tau down to 0 at a distance of `NEAR`: a verdict there says most about where tau belongs, and about
  answers that hardly came to be or not to be.

Every arm reads a window, each with its own index: the `RECENT` latest answers that wait, the `OPINIONS` latest votes,
the `DRAFTS` latest local answers. So it takes as long on a hundred thousand answers as on three thousand, and what is
older moves up as what is newer is decided: nothing stays unseen. The planner knows nothing of what is inside a JSON
column, so each window is materialized before it is joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from telemetry.models import Review
from telemetry.partitions import lowest_id
from telemetry.review_turns import first_free, passed_over

DAYS = 90
NEAR = 0.15
RECENT = 3000
OPINIONS = 1000
DRAFTS = 50
UNLIKE = 0.5  # of the shorter text's words in common, below which two answers say different things
MOST = 50
COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Why:
    """A reason to look at an answer: a distance from tau, how often it was asked, the share of words in common."""

    kind: str
    amount: float


@dataclass(frozen=True, slots=True)
class Waiting:
    """An answer without a verdict; no reasons where it is merely not reviewed yet."""

    event_id: UUID
    why: tuple[Why, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How many verdicts were given today, and how many answers wait; of more than `most` no more are counted."""

    done: int
    waiting: int
    most: int = COUNTED

    @property
    def many(self) -> bool:
        return self.waiting > self.most

    @property
    def total(self) -> int:
        return self.done + self.waiting


_UNDECIDED = """e.tenant = %(tenant)s AND e.kind = 'answer' AND e.id >= %(low)s AND e.id <> ALL(%(aside)s::uuid[])
   AND NOT EXISTS (SELECT FROM telemetry_review v WHERE v.tenant = e.tenant AND v.event_id = e.id)"""
_READ = """jsonb_to_record(e.meta) AS m(
    prompt text, reply text, source text, status text, grounded bool, "C" float8, tau float8)"""
_OPEN = """m.status = 'answered' AND (m.prompt, m.reply) NOT IN (
       SELECT COALESCE(a.meta ->> 'prompt', ''), COALESCE(a.meta ->> 'reply', '') FROM telemetry_event a
        WHERE a.tenant = %(tenant)s AND a.id = ANY(%(aside)s::uuid[]))
   AND NOT EXISTS (SELECT FROM telemetry_review v WHERE v.tenant = %(tenant)s
       AND md5(v.question) = md5(m.prompt) AND v.question = m.prompt AND v.reply = m.reply)"""
_RECENT = f"""
    SELECT e.id, lower(m.prompt) AS asked, abs(m."C" - m.tau) AS distance,
           m.source = 'abstain' OR m."C" < m.tau AS below
      FROM (SELECT e.id, e.meta FROM telemetry_event e WHERE {_UNDECIDED}
             ORDER BY e.id DESC LIMIT {RECENT}) AS e, {_READ}
     WHERE {_OPEN}"""  # noqa: S608  # own text; what comes from outside are parameters, here and below
_EVENT_OF = f"""CROSS JOIN LATERAL (
        SELECT e.id, m.reply, m.source, m.grounded FROM telemetry_event e, {_READ}
         WHERE e.id = o.event_id AND {_UNDECIDED} AND {_OPEN} OFFSET 0) AS e"""  # noqa: S608
_ORDER = f"""
WITH recent AS MATERIALIZED ({_RECENT}
), opinions AS MATERIALIZED (
    SELECT event_id, lower(question) AS asked, vote > 0 AND correction = '' AS liked,
           vote < 0 OR correction <> '' AS disliked
      FROM telemetry_feedback WHERE tenant = %(tenant)s AND created_at >= %(since)s
     ORDER BY created_at DESC LIMIT {OPINIONS}
), divided AS MATERIALIZED (
    SELECT event_id FROM (
        SELECT event_id, bool_or(liked) OVER same AND bool_or(disliked) OVER same AS both_ways
          FROM opinions WINDOW same AS (PARTITION BY asked)) AS o
     WHERE both_ways
), drafts AS MATERIALIZED (
    SELECT (meta ->> 'answerId')::uuid AS event_id, meta ->> 'reply' AS reply FROM telemetry_event
     WHERE tenant = %(tenant)s AND kind = 'draft' AND id >= %(low)s AND (meta ->> 'passed')::bool
     ORDER BY id DESC LIMIT {DRAFTS}
), compared AS MATERIALIZED (
    SELECT e.id, (SELECT count(*) FROM unnest(ours.words) AS word WHERE word = ANY(theirs.words))
                 / NULLIF(LEAST(cardinality(ours.words), cardinality(theirs.words)), 0)::float8 AS common
      FROM drafts o {_EVENT_OF},
           tsvector_to_array(to_tsvector('portuguese', o.reply)) AS ours(words),
           tsvector_to_array(to_tsvector('portuguese', e.reply)) AS theirs(words)
     WHERE e.source = 'fallback'
), reasons AS (
    SELECT DISTINCT e.id, 'against_check' AS kind, 0::float8 AS amount, 1::float8 AS points
      FROM opinions o {_EVENT_OF}
     WHERE CASE WHEN o.disliked THEN e.grounded IS NOT false ELSE o.liked AND NOT e.grounded END
    UNION ALL
    SELECT DISTINCT e.id, 'askers_disagree', 0, 1 FROM divided o {_EVENT_OF}
    UNION ALL
    SELECT id, 'draft_differs', common, 1 FROM compared WHERE common < {UNLIKE}
    UNION ALL
    SELECT (array_agg(id ORDER BY id DESC))[1], 'asked_often', count(*), 1 - 1 / count(*)::float8
      FROM recent WHERE below GROUP BY asked HAVING count(*) > 1
    UNION ALL
    SELECT id, 'near_tau', distance, GREATEST(0, 1 - COALESCE(distance, 1) / {NEAR}) FROM recent
)
SELECT id, array_agg(kind ORDER BY points DESC, kind) FILTER (WHERE points > 0),
       array_agg(amount ORDER BY points DESC, kind) FILTER (WHERE points > 0)
  FROM reasons GROUP BY id
 ORDER BY sum(points) DESC, min(amount) FILTER (WHERE kind = 'near_tau'), id DESC LIMIT {MOST}
"""  # noqa: S608
_WAITING = f"SELECT count(*) FROM (SELECT FROM ({_RECENT}) AS recent LIMIT {COUNTED + 1}) AS counted"  # noqa: S608


def waiting(tenant: str, *, now: datetime, aside: Sequence[UUID] = ()) -> tuple[Waiting, ...]:
    """The answers to review first, without those set aside and their like; at most `MOST`."""
    with connection.cursor() as cursor:
        cursor.execute(_ORDER, _values(tenant, now, aside))
        return tuple(
            Waiting(event_id, tuple(Why(*why) for why in zip(kinds or (), amounts or (), strict=True)))
            for event_id, kinds, amounts in cursor.fetchall()
        )


def next_for(reviewer_id: int, tenant: str, *, now: datetime, aside: Sequence[UUID] = ()) -> Waiting | None:
    """The next answer for this reviewer, held for them a while; None where nothing waits that they did not pass over.

    Where all that waits is on other people's screens it is shown twice: the second verdict is then refused.
    """
    left = waiting(tenant, now=now, aside=(*aside, *passed_over(reviewer_id, tenant)))
    chosen = first_free([row.event_id for row in left], reviewer_id, tenant)
    return next((row for row in left if row.event_id == chosen), None)


def progress(tenant: str, *, now: datetime) -> Progress:
    """Today's verdicts of everybody, and what waits."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(_WAITING, _values(tenant, now, ()))
        (left,) = cursor.fetchone()
    return Progress(Review.objects.filter(tenant=tenant, decided_at__gte=midnight).count(), left)


def _values(tenant: str, now: datetime, aside: Sequence[UUID]) -> dict[str, Any]:
    since = now - timedelta(days=DAYS)
    return {"tenant": tenant, "since": since, "low": lowest_id(since), "aside": list(aside)}
