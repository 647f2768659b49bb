"""Local answers to questions that the documents were not trusted with, made afterwards, when nobody waits: they tell
what a lower tau would have answered. They cost nothing, are shown to nobody who asked, and never call the paid API."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from django.conf import settings
from django.contrib.auth import get_user_model

from chat import control
from chat.answering import answer
from chat.answers import Answer, Asker, Question
from chat.exceptions import InvalidQuestion
from inference.engine import Engine, Priority
from inference.exceptions import DeadlineExceeded, GenerationFailed
from retrieval.exceptions import EmbeddingFailed
from telemetry import events
from telemetry.erasure import was_erased
from telemetry.events import EventKind, Json
from telemetry.traffic import Undrafted, undrafted

logger = logging.getLogger(__name__)

MOST_A_NIGHT = 500
LONGEST_S = 2 * 3600.0


def draft_missing(since: datetime, until: datetime, *, engine: Engine | None = None) -> int:
    """Answer here, at the priority of batch work, what was asked in [since, until) and not answered here; return how
    many were. One that was drafted before is left alone. Raises `EngineBusy`, `EngineUnavailable`: the rest waits for
    the next night."""
    drafted = 0
    ends = time.monotonic() + LONGEST_S
    for asked in undrafted(settings.PRIMARY_TENANT_ID, since, until, most=MOST_A_NIGHT):
        if time.monotonic() > ends:
            break
        try:
            drafted_answer = _draft(asked, engine)
            if was_erased(asked.event_id, settings.PRIMARY_TENANT_ID):
                continue  # while it was drafted
            _record(asked, drafted_answer)
        except (GenerationFailed, DeadlineExceeded, InvalidQuestion, EmbeddingFailed) as exc:
            logger.warning("no draft of %s: %s", asked.event_id, exc)
            continue
        drafted += 1
    return drafted


def _draft(asked: Undrafted, engine: Engine | None) -> Answer:
    """As its asker would have been answered at tau 0: from what that person may see."""
    question = Question(text=asked.query, tau=0.0, record=False, priority=Priority.BATCH)
    asker = Asker(groups=groups_of(asked.user_id), may_set_tau=True)
    with control.instead(fallback_allowed=False, forced_fallback_until=None):
        return answer(question, asker=asker, engine=engine)


def groups_of(user_id: int | None) -> tuple[str, ...] | None:
    """Those of the person who asked; none of one who is gone, or of a program without a person."""
    person = get_user_model().objects.filter(pk=user_id).first() if user_id else None
    if person is None or not person.is_active:
        return ()
    return None if person.is_superuser else tuple(person.groups.values_list("name", flat=True))


def _record(asked: Undrafted, given: Answer) -> None:
    meta: dict[str, Json] = {
        "answerId": str(asked.event_id),
        "prompt": asked.query,
        "reply": given.text if given.used == "local" else "",
        "passed": given.used == "local",
        "C": given.confidence,
        "mode": given.mode,
        "grounded": given.grounded,
        "meanLogprob": given.mean_logprob,
        "minLogprob": given.min_logprob,
        "adapterDigest": given.adapter_digest,
    }
    events.record(EventKind.DRAFT, value=float(given.used == "local"), meta=meta, tenant=settings.PRIMARY_TENANT_ID)
