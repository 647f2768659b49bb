"""The rows that learning leaves - reviews, training sets, runs, golden questions - counted for a night's facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from inference.adapters import desired_state
from inference.models import Adapter, TrainingRun
from retrieval.models import GoldenQuestion
from telemetry.models import Review, TrainingSet

LEARNED_FROM = (Review.Verdict.APPROVED, Review.Verdict.CORRECTED)


@dataclass(frozen=True, slots=True)
class Learned:
    """`new_rows` were reviewed, or written as golden questions, since the set of the last training that ended,
    of the sets that nobody was erased from."""

    new_rows: int
    trained_before: bool
    training: bool
    champion_tainted: bool
    clean_since_taint: bool


def learned(*, own_run: int | None) -> Learned:
    """What is known now; an unfinished training other than `own_run`, which a night would take up, is in its way."""
    last = _last_trained(_sets().filter(tainted_at=None))  # what a tainted one taught is to be taught again
    champion = _champion()
    tainted_at = champion.tainted_at if champion else None
    return Learned(
        new_rows=_reviewed(last) + _golden(last),
        trained_before=_last_trained(_sets()) is not None,
        training=_is_training(own_run),
        champion_tainted=tainted_at is not None,
        clean_since_taint=tainted_at is not None and last is not None and last > tainted_at,
    )


def _last_trained(sets: QuerySet[TrainingSet]) -> datetime | None:
    """When the newest of these sets was made from which a training came to its end."""
    done = TrainingRun.objects.filter(state=TrainingRun.State.DONE, training_set_id__isnull=False)
    trained = sets.filter(pk__in=list(done.values_list("training_set_id", flat=True)))
    return trained.order_by("-created_at").values_list("created_at", flat=True).first()


def _reviewed(since: datetime | None) -> int:
    reviews = Review.objects.filter(tenant=settings.PRIMARY_TENANT_ID, verdict__in=LEARNED_FROM)
    return (reviews if since is None else reviews.filter(decided_at__gt=since)).count()


def _golden(since: datetime | None) -> int:
    """Those that staff wrote here: one taken from a review counts as that, and a file's no one reviewed."""
    written = GoldenQuestion.objects.filter(
        tenant=settings.PRIMARY_TENANT_ID, is_active=True, origin=GoldenQuestion.Origin.STAFF
    )
    return (written if since is None else written.filter(created_at__gt=since)).count()


def _is_training(own_run: int | None) -> bool:
    unfinished = TrainingRun.objects.filter(state__in=TrainingRun.UNFINISHED)
    return (unfinished if own_run is None else unfinished.exclude(pk=own_run)).exists()


def _sets() -> QuerySet[TrainingSet]:
    return TrainingSet.objects.filter(tenant=settings.PRIMARY_TENANT_ID)


def is_clean(training_set_id: UUID | None) -> bool:
    """Whether a set is there and nobody in it was erased."""
    return training_set_id is not None and _sets().filter(pk=training_set_id, tainted_at=None).exists()


def _champion() -> Adapter | None:
    """The adapter in force."""
    wish = desired_state()
    return wish.adapter if wish else None
