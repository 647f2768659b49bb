"""What became of the answers that the model wrote or cut, in the order asked: for comparing one adapter with another.

Quotations that no model was asked about and the paid API's answers say nothing of an adapter and are left out, and so
are failures that no adapter causes (overload, a caller who hung up, the paid API, the search).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from telemetry.models import Feedback, Review
from telemetry.partitions import lowest_id
from telemetry.traffic import FAILED_ATTEMPTS

MODEL_FAILURES = ("generation_failed", "deadline_exceeded", "engine_unavailable")
MOST = 20_000


@dataclass(frozen=True, slots=True)
class Opinion:
    """Whether somebody found an answer bad, and who (None: a program)."""

    bad: bool
    user_id: int | None


@dataclass(frozen=True, slots=True)
class LiveSignals:
    """Oldest first, True is bad: attempts that failed, answers that did not pass the check, and what people thought."""

    errors: tuple[bool, ...]
    unsupported: tuple[bool, ...]
    opinions: tuple[Opinion, ...]


_WRITTEN = """
SELECT id, meta ->> 'status' = 'failed' OR meta ->> 'reason' = 'engine_failed',
       meta ->> 'reason' = ANY(%(attempts)s) OR COALESCE((meta ->> 'grounded')::bool, true) IS FALSE
  FROM telemetry_event
 WHERE tenant = %(tenant)s AND kind = 'answer' AND id >= %(low)s AND id < %(high)s
   AND (meta ->> 'status' = 'failed' AND meta ->> 'error' = ANY(%(failures)s)
        OR meta ->> 'status' = 'answered' AND (
           meta ->> 'source' = 'local' AND (meta ->> 'mode' = 'generated' OR COALESCE(meta ->> 'model', '') <> '')
           OR meta ->> 'reason' = 'engine_failed' OR meta ->> 'reason' = ANY(%(attempts)s)))
 ORDER BY id {order} LIMIT %(most)s
"""


def live_signals(tenant: str, since: datetime, until: datetime, *, latest: bool = False) -> LiveSignals:
    """Of the questions of [since, until), the first `MOST`, or the `latest` of them."""
    with connection.cursor() as cursor:
        cursor.execute(
            _WRITTEN.format(order="DESC" if latest else "ASC"),
            {
                "tenant": tenant,
                "low": lowest_id(since),
                "high": lowest_id(until),
                "attempts": list(FAILED_ATTEMPTS),
                "failures": list(MODEL_FAILURES),
                "most": MOST,
            },
        )
        rows = cursor.fetchall()
    rows = rows[::-1] if latest else rows
    answered = [(event_id, bool(unsupported)) for event_id, failed, unsupported in rows if not failed]
    return LiveSignals(
        errors=tuple(bool(failed) for _id, failed, _unsupported in rows),
        unsupported=tuple(unsupported for _id, unsupported in answered),
        opinions=_opinions(tenant, [event_id for event_id, _unsupported in answered]),
    )


def _opinions(tenant: str, answers: Sequence[UUID]) -> tuple[Opinion, ...]:
    """Votes and corrections of askers, and reviews of staff; an opinion without a vote is none."""
    order = {event_id: place for place, event_id in enumerate(answers)}
    given = Feedback.objects.filter(tenant=tenant, event_id__in=answers)
    votes = given.values_list("event_id", "vote", "correction", "user_id")
    found = [
        (order[event_id], Opinion(vote < 0 or bool(correction), user_id))
        for event_id, vote, correction, user_id in votes
        if vote or correction
    ]
    found += [(order[event_id], opinion) for event_id, opinion in _reviews(tenant, answers)]
    return tuple(opinion for _place, opinion in sorted(found, key=lambda one: one[0]))


def _reviews(tenant: str, answers: Sequence[UUID]) -> list[tuple[UUID, Opinion]]:
    rows = Review.objects.filter(tenant=tenant, event_id__in=answers)
    decided = rows.values_list("event_id", "verdict", "reviewer_id")
    approved = Review.Verdict.APPROVED
    return [(event_id, Opinion(verdict != approved, reviewer)) for event_id, verdict, reviewer in decided]
