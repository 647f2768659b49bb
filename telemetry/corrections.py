"""What staff wrote instead of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth import get_user_model

from telemetry.models import Feedback, Review


def corrections_of(event_ids: Sequence[UUID], tenant: str) -> dict[UUID, str]:
    """The correction of each answer that has one: of its review, else the last one that staff gave as feedback."""
    return _by_feedback(event_ids, tenant) | _by_review(event_ids, tenant)


def _by_feedback(event_ids: Sequence[UUID], tenant: str) -> dict[UUID, str]:
    given = Feedback.objects.filter(tenant=tenant, event_id__in=event_ids).exclude(correction="")
    said = list(given.order_by("created_at", "id").values_list("event_id", "correction", "user_id"))
    if not said:
        return {}
    asked = {user_id for _event, _correction, user_id in said if user_id is not None}
    staff = set(get_user_model().objects.filter(is_staff=True, pk__in=asked).values_list("pk", flat=True))
    return {event_id: correction for event_id, correction, user_id in said if user_id in staff}


def _by_review(event_ids: Sequence[UUID], tenant: str) -> dict[UUID, str]:
    corrected = Review.objects.filter(tenant=tenant, event_id__in=event_ids, verdict=Review.Verdict.CORRECTED)
    return dict(corrected.values_list("event_id", "correction"))
