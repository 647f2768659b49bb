"""A person's data taken out of the knowledge: golden questions that came from what the person asked."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from retrieval.models import GoldenQuestion


def erase_person(event_ids: Sequence[UUID], *, tenant: str) -> dict[str, int]:
    """Within the caller's transaction, by the person's answers: this room knows no people."""
    asked = GoldenQuestion.objects.filter(tenant=tenant, event_id__in=event_ids)
    count = asked.count()
    asked.delete()
    return {"golden_questions": count} if count else {}


def count_of(event_ids: Sequence[UUID], *, tenant: str) -> int:
    """How many golden questions came from these answers."""
    return GoldenQuestion.objects.filter(tenant=tenant, event_id__in=event_ids).count()
