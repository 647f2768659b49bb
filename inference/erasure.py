"""A person's data taken out of examinations; and what learned from them marked, since weights cannot forget."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from inference.examinations import answers_file
from inference.models import Adapter, Examination


def taint(adapter_ids: Sequence[int], *, reason: str) -> int:
    """Mark adapters as having learned from what was erased; those marked before keep their date."""
    clean = Adapter.objects.filter(pk__in=adapter_ids, tainted_at=None)
    return clean.update(tainted_at=timezone.now(), taint_reason=reason[:200])


def erase_person(event_ids: Sequence[UUID]) -> dict[str, int]:
    """Within the caller's transaction, by the person's answers: what examinations that asked a question of theirs kept
    of it. Figures and verdicts stay."""
    ids = {str(event_id) for event_id in event_ids}
    touched = [
        row for row in Examination.objects.exclude(results={}) if ids.intersection(row.results.get("events", ()))
    ]
    for row in touched:
        examples = [each for each in row.results.get("examples", ()) if each.get("event") not in ids]
        row.results |= {"examples": examples, "events": sorted(set(row.results["events"]) - ids)}
        row.save(update_fields=["results"])
        answers_file(row).unlink(missing_ok=True)
    return {"examinations": len(touched)} if touched else {}


def taught_by(training_set_ids: Sequence[UUID]) -> list[int]:
    """The adapters that were trained on these sets."""
    return list(
        Adapter.objects.filter(runs__training_set_id__in=training_set_ids).distinct().values_list("pk", flat=True)
    )


def count_of(event_ids: Sequence[UUID]) -> int:
    """How many examinations asked a question of theirs."""
    ids = {str(event_id) for event_id in event_ids}
    kept = Examination.objects.exclude(results={}).values_list("results", flat=True)
    return sum(bool(ids.intersection(results.get("events", ()))) for results in kept)
