"""A set of golden questions that fails is said once, when it begins to."""

from __future__ import annotations

import logging

from chat.models import EvaluationRun
from telemetry.events import EventKind, record

logger = logging.getLogger(__name__)
ALARM = "golden_set"


def tell(row: EvaluationRun, before: EvaluationRun | None) -> None:
    """An event for each set that fails now and did not in the run before; in the caller's transaction."""
    failed = {one["name"] for one in before.sets if one["alarm"]} if before else set()
    for one in row.sets:
        if one["alarm"] and one["name"] not in failed:
            meta = {"alarm": ALARM, "runId": row.pk, "set": one["name"], "why": one["alarm"], "share": one["share"]}
            record(EventKind.LOOP, value=one["share"], meta=meta, tenant=row.tenant)
            logger.warning("the golden set %r fails: %s", one["name"], one)
