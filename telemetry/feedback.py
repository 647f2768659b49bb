"""What askers think of answers. Knows no HTTP and trusts its caller on who asked; one opinion of each, the last one."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from telemetry.events import EventKind, Json, record
from telemetry.models import Feedback


@transaction.atomic
def give_feedback(
    *,
    event_id: UUID,
    tenant: str,
    vote: int,
    comment: str,
    correction: str,
    relevant_sources: Sequence[int],
    user_id: int | None,
    key_id: int | None,
    question: str,
    reply: str,
) -> Feedback:
    """Keep an opinion on an answer event, instead of this asker's earlier one, and record that it was given.

    `vote` is -1, 0 or 1; `relevant_sources` are the numbers of the answer's sources. Raises ValueError outside that.
    """
    if vote not in (-1, 0, 1):
        raise ValueError(f"vote {vote} is not -1, 0 or 1")
    feedback, _created = Feedback.objects.update_or_create(
        event_id=event_id,
        user_id=user_id,
        key_id=key_id,
        defaults={
            "tenant": tenant,
            "vote": vote,
            "comment": comment,
            "correction": correction,
            "relevant_sources": sorted(set(relevant_sources)),
            "question": question,
            "reply": reply,
        },
    )
    by: dict[str, Json] = {"userId": user_id, "keyId": key_id}
    meta = {"answerId": str(event_id), "corrected": bool(correction), **by}
    record(EventKind.FEEDBACK, value=vote, meta=meta, tenant=tenant)
    return feedback
