"""The questions that were not answered well, copied from the events: abstained, below tau, disliked, rejected.

One row for the same words of one asker on one day, however often they were sent, and at most `MOST_A_DAY` different
ones of an asker a day: whoever floods AION makes no work for staff.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from telemetry.models import Gap, GapQuestion
from telemetry.partitions import lowest_id

DAYS_READ = 30
DAYS_KEPT = 90
MOST_A_DAY = 500
LONGEST = 2000  # characters of a question; what it is about is said by then
LOCK = "telemetry.gaps"

# an approved answer below tau was right after all; an approved abstention still says that nothing is written
_COLLECT = """
WITH found AS MATERIALIZED (
    SELECT e.id, e.at, e.tenant, m.prompt, m."userId", m."keyId", m."retrievalId",
           CASE WHEN m.source = 'abstain' THEN 'abstained'
                WHEN m."C" < m.tau AND v.verdict IS DISTINCT FROM 'approved' THEN 'low'
                WHEN v.verdict = 'rejected' THEN 'rejected'
                WHEN f.vote < 0 THEN 'disliked' END AS why
      FROM telemetry_event e
     CROSS JOIN LATERAL jsonb_to_record(e.meta) AS m(
           prompt text, source text, status text, "C" float8, tau float8, "userId" bigint, "keyId" bigint,
           "retrievalId" uuid)
      LEFT JOIN telemetry_review v ON v.event_id = e.id AND v.tenant = e.tenant
      LEFT JOIN LATERAL (
           SELECT min(vote) AS vote FROM telemetry_feedback WHERE event_id = e.id AND tenant = e.tenant) f ON true
     WHERE e.tenant = %(tenant)s AND e.kind = 'answer' AND e.id >= %(low)s
       AND m.status = 'answered' AND btrim(m.prompt) <> ''
), read AS (
    SELECT f.id, f.at, f.why, f."userId" AS user_id, f."keyId" AS key_id,
           (f.at AT TIME ZONE %(zone)s)::date AS day, left(btrim(said.text), %(longest)s) AS text
      FROM found f
      LEFT JOIN telemetry_event r ON r.id = f."retrievalId" AND r.tenant = f.tenant AND r.kind = 'retrieval'
     CROSS JOIN LATERAL (SELECT COALESCE(NULLIF(r.meta ->> 'query', ''), f.prompt) AS text) said
     WHERE f.why IS NOT NULL
), same AS (
    SELECT user_id, key_id, day, md5(lower(regexp_replace(text, '\\s+', ' ', 'g'))) AS fingerprint, count(*) AS times,
           (array_agg(id ORDER BY id))[1] AS event_id, (array_agg(text ORDER BY id))[1] AS text,
           (array_agg(why ORDER BY id))[1] AS why, min(at) AS asked_at
      FROM read GROUP BY 1, 2, 3, 4
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY user_id, key_id, day ORDER BY event_id) AS place FROM same
)
INSERT INTO telemetry_gapquestion (tenant, event_id, text, why, user_id, key_id, asked_at, day, fingerprint, times,
                                   counted, embedder)
SELECT %(tenant)s, event_id, text, why, user_id, key_id, asked_at, day, fingerprint, times, true, ''
  FROM ranked WHERE place <= %(most)s
    ON CONFLICT (tenant, user_id, key_id, day, fingerprint) DO UPDATE SET times = EXCLUDED.times
 WHERE telemetry_gapquestion.times < EXCLUDED.times
"""


def collect(tenant: str, now: datetime) -> int:
    """Copy what is new of the last `DAYS_READ` days; how many rows are there now. A second time adds nothing."""
    first = timezone.localdate(now) - timedelta(days=DAYS_READ)
    since = datetime.combine(first, time.min, tzinfo=timezone.get_default_timezone())  # whole days, counted alike
    values: dict[str, Any] = {"tenant": tenant, "low": lowest_id(since), "zone": settings.TIME_ZONE}
    with transaction.atomic(), connection.cursor() as cursor:
        hold(tenant)
        cursor.execute(_COLLECT, values | {"longest": LONGEST, "most": MOST_A_DAY})
        return GapQuestion.objects.filter(tenant=tenant).count()


def hold(tenant: str) -> None:
    """Until the caller's transaction ends nobody else copies, places or erases questions of gaps."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"{LOCK}:{tenant}"])


def forget_old(tenant: str, now: datetime) -> int:
    """Drop questions older than `DAYS_KEPT`, and gaps that are empty then unless staff had a hand in them."""
    oldest = timezone.localdate(now) - timedelta(days=DAYS_KEPT)
    with transaction.atomic():
        hold(tenant)
        dropped, _models = GapQuestion.objects.filter(tenant=tenant, day__lt=oldest).delete()
        _drop_empty(tenant)
    return dropped


def erase_questions(user_id: int, event_ids: Sequence[UUID], tenant: str) -> int:
    """A person's questions, within the caller's transaction. Names that were made of questions are made anew."""
    hold(tenant)
    own = GapQuestion.objects.filter(tenant=tenant, user_id=user_id) | GapQuestion.objects.filter(
        tenant=tenant, event_id__in=event_ids
    )
    touched = list(own.exclude(gap=None).values_list("gap_id", flat=True).distinct())
    erased, _models = own.delete()
    Gap.objects.filter(pk__in=touched, named_by_id=None).update(name="")
    _drop_empty(tenant)
    return erased


def _drop_empty(tenant: str) -> None:
    untouched = Gap.objects.filter(tenant=tenant, state=Gap.State.OPEN, owner_id=None, named_by_id=None)
    untouched.filter(questions=None, document_id=None).delete()
