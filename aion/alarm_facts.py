"""What may be wrong in all rooms, looked at again and again: each look gathers the facts of one kind of alarm and asks
its rule. Where a light of the panel knows the same thing, both ask the same function.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.urls import reverse
from django.utils.translation import override

from aion.lights import LOOKED_AT, QUEUE_IS_LONG, last_export
from aion.loop.decision import FEWEST_ASKED, FEWEST_MEASURED
from aion.loop.facts import WEEK, free_bytes
from aion.loop.lights import alarm_in_words, last_night, last_step, last_watch_event
from chat import calibration, control
from inference.adapters import serving_report
from inference.engine import EngineState
from retrieval.models import RetrievalMetric
from telemetry import alerts, budgets, metrics
from telemetry.alarms import reading, rules, settle
from telemetry.alarms.keeping import open_severity
from telemetry.alarms.rules import Sighting
from telemetry.models import AlarmKind, AlarmSeverity, DatasetExport, Night

SOON = timedelta(minutes=15)
HOUR = timedelta(hours=1)
MEASURED_WITHIN = timedelta(days=7)
SERVING = (EngineState.READY, EngineState.SWAPPING)
BROKEN = (EngineState.FAILED, EngineState.UNREACHABLE)
CRITICAL, WARNING = AlarmSeverity.CRITICAL, AlarmSeverity.WARNING
Seen = Iterable[Sighting | None]
logger = logging.getLogger(__name__)


def watch(now: datetime) -> None:
    """Look at everything. A look that fails leaves its alarms as they are, and the others go on."""
    with override(settings.LANGUAGE_CODE):
        for kind, look in LOOKS.items():
            try:
                seen = [sighting for sighting in look(now) if sighting]
            except Exception:  # the outermost edge of a look, whatever room it is in
                logger.exception("it cannot be told whether there is an alarm of the kind %s", kind)
                continue
            settle(kind, seen, tenant=settings.PRIMARY_TENANT_ID, now=now)
    cache.set(LOOKED_AT, now, timeout=None)


def model(now: datetime) -> Seen:
    page = reverse("admin:inference_processreport_changelist")
    alive = serving_report()
    if not alive:
        return [Sighting(AlarmKind.MODEL, "model_gone", CRITICAL, {}, link=page)]
    broken = [report for report in alive if report.state in BROKEN]
    if not broken or any(report.state in SERVING for report in alive):
        return []
    return [Sighting(AlarmKind.MODEL, "model_failed", CRITICAL, {"said": broken[0].error}, link=page)]


def errors(now: datetime) -> Seen:
    found = reading.outcomes(_tenant(), now - HOUR)
    page = f"{reverse('admin:telemetry_question_changelist')}?outcome=failed"
    return _linked(page, rules.errors(asked=found.asked, failed=found.failed, was=_was(AlarmKind.ERRORS)))


def queue(now: datetime) -> Seen:
    waiting = sum(report.queue_length for report in serving_report())
    turned_away = reading.outcomes(_tenant(), now - SOON).turned_away
    page = reverse("admin:inference_processreport_changelist")
    return _linked(page, rules.queue(waiting=waiting, long=QUEUE_IS_LONG, turned_away=turned_away))


def disk(now: datetime) -> Seen:
    """Each disk that AION writes to, once."""
    folders = (settings.VAR_DIR, settings.AION_TRAIN_ROOT, settings.MEDIA_ROOT)
    disks = {_device(Path(folder)): str(folder) for folder in reversed(folders)}
    for folder in disks.values():
        was = _was(f"{AlarmKind.DISK}:{folder[:150]}")
        yield rules.disk(folder=folder, free_bytes=free_bytes(Path(folder)), was=was)


def _device(folder: Path) -> int:
    return next(path for path in (folder, *folder.parents) if path.exists()).stat().st_dev


def budget(now: datetime) -> Seen:
    """As `telemetry.alerts` decided; this keeps the alarm open as long as the window lasts."""
    for limit in budgets.status(_tenant(), now=now).limits:
        if limit.highest_percent:
            yield alerts.sighting(limit, limit.highest_percent, limit.resets_at)


def fallback_share(now: datetime) -> Seen:
    days = metrics.routes_by_day(_tenant(), WEEK.days, now=now)
    asked = sum(day.local + day.fallback + day.abstain for day in days)
    share = sum(day.fallback for day in days) / asked if asked else 0.0
    limit, was = settings.AION_TAU_FALLBACK, _was(AlarmKind.FALLBACK_SHARE)
    found = rules.fallback_share(asked=asked, share=share, limit=limit, fewest=FEWEST_ASKED, was=was)
    return _linked(f"{reverse('admin:telemetry_question_changelist')}?route=fallback", found)


def paid_model(now: datetime) -> Seen:
    if not control.current().fallback_allowed:
        return
    page = reverse("admin:chat_chatsettingsrevision_changelist")
    for name in reading.spared_models(_tenant(), now - SOON):
        yield Sighting(f"{AlarmKind.PAID_MODEL}:{name[:150]}", "spared", WARNING, {"model": name}, link=page)


def retrieval(now: datetime) -> Seen:
    rows = RetrievalMetric.objects.filter(tenant=_tenant(), measured_at__gte=now - MEASURED_WITHIN)
    last = rows.order_by("day").last()
    if last is None:
        return []
    limit, was = settings.AION_TAU_NDCG, _was(AlarmKind.RETRIEVAL)
    found = rules.retrieval(
        ndcg=last.ndcg_at_10, questions=last.questions, limit=limit, fewest=FEWEST_MEASURED, was=was
    )
    return _linked(reverse("admin:panel_search_quality"), found)


def stale_calibration(now: datetime) -> Seen:
    changed = calibration.status().changed
    if control.current().scorer == "cosine" or not changed:
        return []
    page = reverse("admin:chat_calibration_changelist")
    return [Sighting(AlarmKind.CALIBRATION, f"{changed}_changed", WARNING, {}, link=page)]


def night(now: datetime) -> Seen:
    last = last_night()
    if last is None or last.state != Night.State.FAILED:
        return []
    step, said = last_step(last)
    page = reverse("admin:telemetry_night_change", args=[last.pk])
    return [Sighting(AlarmKind.NIGHT, "night_failed", CRITICAL, {"step": step, "said": said}, link=page)]


def worse_since_promotion(now: datetime) -> Seen:
    told = last_watch_event(now)
    if told is None:
        return []
    alarm = told.meta["alarm"]
    severity = WARNING if alarm == "doubtful" else CRITICAL
    page = reverse("admin:inference_adapter_changelist")
    said = {"said": alarm_in_words(told.meta)}
    return [Sighting(f"{AlarmKind.WATCH}:{told.pk}", f"watch_{alarm}", severity, said, link=page)]


def export(now: datetime) -> Seen:
    last = last_export()
    if last is None or last.state != DatasetExport.State.FAILED:
        return []
    page = reverse("admin:telemetry_datasetexport_change", args=[last.pk])
    return [Sighting(AlarmKind.EXPORT, "export_failed", CRITICAL, {"said": last.error}, link=page)]


def _linked(page: str, sighting: Sighting | None) -> Sequence[Sighting]:
    return [replace(sighting, link=page)] if sighting else []


def _was(key: str) -> AlarmSeverity | None:
    return open_severity(key, tenant=_tenant())


def _tenant() -> str:
    return settings.PRIMARY_TENANT_ID


LOOKS: Mapping[AlarmKind, Callable[[datetime], Seen]] = {
    AlarmKind.MODEL: model,
    AlarmKind.ERRORS: errors,
    AlarmKind.QUEUE: queue,
    AlarmKind.DISK: disk,
    AlarmKind.BUDGET: budget,
    AlarmKind.FALLBACK_SHARE: fallback_share,
    AlarmKind.PAID_MODEL: paid_model,
    AlarmKind.RETRIEVAL: retrieval,
    AlarmKind.CALIBRATION: stale_calibration,
    AlarmKind.NIGHT: night,
    AlarmKind.WATCH: worse_since_promotion,
    AlarmKind.EXPORT: export,
}
