"""What learned from a person: weights cannot forget, so adapters are marked until a clean one serves in their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone

from inference.models import Adapter, TrainingRun


def taint(adapter_ids: Sequence[int], *, reason: str) -> int:
    """Mark adapters as having learned from what was erased; those marked before keep their date."""
    clean = Adapter.objects.filter(pk__in=adapter_ids, tainted_at=None)
    return clean.update(tainted_at=timezone.now(), taint_reason=reason[:200])


def tainted_by(training_set_ids: Sequence[UUID]) -> list[int]:
    """The adapters that were trained on these sets."""
    runs: Any = TrainingRun.objects  # a field of piece D: plain once it is merged
    if not training_set_ids:
        return []
    taught = runs.filter(training_set_id__in=list(training_set_ids), adapter__isnull=False)
    return list(taught.values_list("adapter_id", flat=True).distinct())
