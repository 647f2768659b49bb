"""The rows that learning leaves - reviews, training sets, runs, golden questions - counted for a night's facts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings

from inference.adapters import desired_state
from inference.models import Adapter, TrainingRun

LEARNED_FROM = ("approved", "corrected")
HEARTBEAT_IS_OLD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Learned:
    """`new_rows` were reviewed, or written as golden questions, since the set of the last training that ended."""

    new_rows: int
    trained_before: bool
    training: bool
    champion_tainted: bool
    clean_since_taint: bool


def learned(now: datetime, *, own_run: int | None) -> Learned:
    """What is known by `now`; a training other than `own_run`, which a night would take up again, counts as running."""
    last = _last_trained()
    champion = _champion()
    tainted_at = _tainted_at(champion) if champion else None
    return Learned(
        new_rows=_reviewed(last) + _golden(last),
        trained_before=last is not None,
        training=_is_training(now, own_run),
        champion_tainted=tainted_at is not None,
        clean_since_taint=tainted_at is not None and last is not None and last > tainted_at,
    )


def _rows(app: str, model: str) -> Any:
    """The tenant's rows of a model of another piece of the loop."""
    found: Any = apps.all_models[app][model.lower()]  # plain imports once the pieces are merged
    return found.objects.filter(tenant=settings.PRIMARY_TENANT_ID)


def _last_trained() -> datetime | None:
    """When the newest set was made from which a training came to its end."""
    done = _runs().filter(state="done", training_set_id__isnull=False)
    trained = _rows("telemetry", "TrainingSet").filter(pk__in=list(done.values_list("training_set_id", flat=True)))
    newest: datetime | None = trained.order_by("-created_at").values_list("created_at", flat=True).first()
    return newest


def _reviewed(since: datetime | None) -> int:
    reviews = _rows("telemetry", "Review").filter(verdict__in=LEARNED_FROM)
    return int((reviews if since is None else reviews.filter(decided_at__gt=since)).count())


def _golden(since: datetime | None) -> int:
    """Those that staff wrote or took from reviews; a file's are for examination."""
    written = _rows("retrieval", "GoldenQuestion").filter(is_active=True, origin="staff")
    return int((written if since is None else written.filter(created_at__gt=since)).count())


def _is_training(now: datetime, own_run: int | None) -> bool:
    at_work = _runs().filter(state="running", heartbeat_at__gt=now - HEARTBEAT_IS_OLD).exclude(pk=own_run)
    return bool(at_work.exists())


def _runs() -> Any:
    return TrainingRun.objects


def is_clean(training_set_id: UUID | None) -> bool:
    """Whether a set is there and nobody in it was erased."""
    return bool(_rows("telemetry", "TrainingSet").filter(pk=training_set_id, tainted_at=None).exists())


def _tainted_at(adapter: Adapter) -> datetime | None:
    """Since when it is marked, or the set of its training is: it may have been at work when somebody was erased."""
    sets = _runs().filter(adapter=adapter, training_set_id__isnull=False).values_list("training_set_id", flat=True)
    tainted = _rows("telemetry", "TrainingSet").filter(pk__in=list(sets), tainted_at__isnull=False)
    return adapter.tainted_at or tainted.values_list("tainted_at", flat=True).first()


def _champion() -> Adapter | None:
    """The adapter in force."""
    wish = desired_state()
    return wish.adapter if wish else None
