"""What a night looks at before it decides. Reads; decides nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings

from aion.loop import learning, retrieval_quality
from aion.loop.decision import Drift, Measured, NightFacts, NightPolicy
from aion.loop.drift import drift
from aion.loop.learning import Learned
from chat import calibration
from inference.external import external_url
from telemetry import loop_settings, metrics
from telemetry.models import Night
from telemetry.rollups.keeping import keep
from telemetry.traffic import AskedQuestion, asked_between

WEEK = timedelta(days=7)
COMPARED_WITH = timedelta(days=28)  # before the calibration, or before this week where it is younger
LEAST_FREE_BYTES = (
    2 * 1024**3
)  # checkpoints and a result of the bundled model take a tenth; a merge of a larger one more


@dataclass(frozen=True, slots=True)
class LoopState:
    """How the loop stands: what was learned so far, whether a night is to be taken up, whether staff
    paused it, their limit of rows, and how good retrieval is."""

    learned: Learned
    unfinished: bool
    paused: bool
    min_new_rows: int
    ndcg_golden: Measured
    ndcg_judged: Measured


def loop_state(now: datetime) -> LoopState:
    """As it is at this moment."""
    policy = loop_settings.current()
    night = unfinished_night()
    return LoopState(
        learned=learning.learned(own_run=night.training_run_id if night else None),
        unfinished=night is not None and learning.is_clean(night.training_set_id),
        paused=policy.paused,
        min_new_rows=policy.min_new_rows,
        ndcg_golden=retrieval_quality.golden_quality(),
        ndcg_judged=retrieval_quality.judged_quality(now),
    )


def gather_facts(
    now: datetime, *, state_of: Callable[[datetime], LoopState] = loop_state
) -> tuple[NightFacts, NightPolicy]:
    """The facts of this moment, and the limits to hold them against."""
    tenant, state = settings.PRIMARY_TENANT_ID, state_of(now)
    keep()  # the night does not wait for the minute's task
    days = metrics.routes_by_day(tenant, WEEK.days, now=now)
    asked = sum(day.local + day.fallback + day.abstain for day in days)
    facts = NightFacts(
        asked=asked,
        fallback_share=_share(sum(day.fallback for day in days), asked),
        abstained_share=_share(sum(day.abstain for day in days), asked),
        ndcg_golden=state.ndcg_golden,
        ndcg_judged=state.ndcg_judged,
        new_rows=state.learned.new_rows,
        trained_before=state.learned.trained_before,
        drift=drift_of_week(now),
        paused=state.paused,
        training=state.learned.training,
        unfinished=state.unfinished,
        champion_tainted=state.learned.champion_tainted,
        clean_since_taint=state.learned.clean_since_taint,
        free_bytes=free_bytes(settings.AION_TRAIN_ROOT),
        served_elsewhere=bool(external_url()),
    )
    policy = NightPolicy(
        tau_fallback=settings.AION_TAU_FALLBACK,
        tau_ndcg=settings.AION_TAU_NDCG,
        min_new_rows=state.min_new_rows,
        least_free_bytes=LEAST_FREE_BYTES,
    )
    return facts, policy


def unfinished_night() -> Night | None:
    """The last night that trained, where it was cut short: what it had made is taken up."""
    nights = Night.objects.filter(tenant=settings.PRIMARY_TENANT_ID, dry_run=False, training_set_id__isnull=False)
    last = nights.exclude(state=Night.State.RUNNING).first()
    return last if last is not None and last.state == Night.State.INTERRUPTED else None


def drift_of_week(now: datetime) -> Drift | None:
    """This week's signals against those of four weeks before the confidence was fitted, or before this week."""
    fitted = calibration.in_force()
    until = min(fitted.created_at, now - WEEK) if fitted else now - WEEK
    tenant = settings.PRIMARY_TENANT_ID
    before = asked_between(tenant, until - COMPARED_WITH, until, with_signals=True)
    return drift(_columns(before), _columns(asked_between(tenant, now - WEEK, now, with_signals=True)))


def _columns(asked: Sequence[AskedQuestion]) -> Mapping[str, Sequence[float]]:
    """Each signal's values; C not among them, since a new calibration moves it without anybody asking otherwise."""
    columns: dict[str, list[float]] = {}
    for question in asked:
        for name, value in question.signals.items():
            columns.setdefault(name, []).append(value)
    return columns


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def free_bytes(folder: Path) -> int:
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    return shutil.disk_usage(there).free
