"""Feedback on an answer by whoever asked for it; what was asked and answered is the event's, not the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import Http404

from chat.answers import Asker
from telemetry.events import EventKind, find_event
from telemetry.feedback import give_feedback


def feedback_on_answer(
    event_id: UUID,
    *,
    asker: Asker,
    vote: int,
    comment: str,
    correction: str,
    relevant_sources: Sequence[int],
) -> None:
    """Keep what `asker` thinks of an answer. Raises `Http404` for no such answer, `PermissionDenied` for another's."""
    event = find_event(event_id, settings.PRIMARY_TENANT_ID)
    if event is None or event.kind != EventKind.ANSWER:
        raise Http404
    if not _asked(asker, event.meta):
        raise PermissionDenied
    give_feedback(
        event_id=event_id,
        tenant=settings.PRIMARY_TENANT_ID,
        vote=vote,
        comment=comment,
        correction=correction,
        relevant_sources=relevant_sources,
        user_id=asker.user_id,
        key_id=asker.key_id,
        question=str(event.meta.get("prompt", "")),
        reply=str(event.meta.get("reply", "")),
    )


def _asked(asker: Asker, meta: Mapping[str, Any]) -> bool:
    return asker.is_service or (meta.get("userId"), meta.get("keyId")) == (asker.user_id, asker.key_id)
