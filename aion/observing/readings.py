"""What the parts of AION say of themselves: the database (also for the workers), the queue, the engine and the disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection, connections, transaction
from django.db.models import Count, Sum
from django.utils import timezone
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from redis import Redis

from aion.gunicorn_conf import threads
from aion.loop.facts import WEEK
from aion.observing import tasks
from aion.observing.parts import Part, Parts
from chat import calibration, control
from inference.engine import EngineState
from inference.serving import engine_status
from retrieval.models import Document, RetrievalMetric
from telemetry import budgets, metrics
from telemetry.models import DatasetExport, Night

QUEUES: Final = ("celery", "training")
LONGEST_QUERY: Final = "5s"  # a figure is worth no more of the database


def gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"aion_{name}", about, value=value)


def by(name: str, about: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    """A gauge for each value of one label."""
    family = GaugeMetricFamily(f"aion_{name}", about, labels=[label])
    for value, number in values:
        family.add_metric([value], number)
    return family


def one_of(name: str, about: str, states: Iterable[str], state: str) -> GaugeMetricFamily:
    """1 for the state it is in, 0 for the others, so that each is a series at all times."""
    return by(name, about, "state", [(str(each), each == state) for each in states])


def engine() -> list[Metric]:
    """What serves in this process; told at once, whatever the model is doing."""
    status = engine_status()
    model = GaugeMetricFamily("aion_model_info", "The model that serves.", labels=["model", "device", "dtype"])
    model.add_metric([status.base_model, status.device, status.dtype], 1)
    adapter = GaugeMetricFamily("aion_adapter_info", "The adapter that serves.", labels=["adapter", "digest", "merged"])
    if status.adapter_digest:
        adapter.add_metric([status.adapter, status.adapter_digest, str(status.merged).lower()], 1)
    return [
        one_of("engine_state", "State of the local model.", EngineState, status.state),
        gauge("engine_queue_length", "Requests that wait for the local model.", status.queue_length),
        gauge("engine_queued_tokens", "Tokens that wait for the local model.", status.queued_tokens),
        gauge("engine_retry_after_seconds", "Wait told to callers; 0 while there is room.", status.retry_after_s),
        gauge("engine_problem", "1 where the engine tells of a problem, as of an adapter.", bool(status.error)),
        gauge("http_threads", "Requests that can be answered at a time.", threads),
        model,
        adapter,
    ]


def disk() -> list[Metric]:
    """Room where AION writes."""
    usage = {place: shutil.disk_usage(folder) for place, folder in _folders()}
    return [
        by("disk_free_bytes", "Free bytes of the disk.", "folder", [(name, of.free) for name, of in usage.items()]),
        by("disk_size_bytes", "Size of the disk.", "folder", [(name, of.total) for name, of in usage.items()]),
    ]


def _folders() -> Iterator[tuple[str, Path]]:
    yield "data", settings.VAR_DIR
    root = settings.AION_TRAIN_ROOT
    yield "training", next(folder for folder in (root, *root.absolute().parents) if folder.exists())


def money_and_nights() -> list[Metric]:
    """What changes by the minute, and costs the database next to nothing."""
    tenant = settings.PRIMARY_TENANT_ID
    with _asking_briefly():
        limits = budgets.status(tenant).periods
        policy = control.current()
        nights = Night.objects.filter(tenant=tenant, dry_run=False)
        night = nights.first()
        exports = DatasetExport.objects.filter(tenant=tenant)
        export = exports.first()
        exported = exports.filter(state=DatasetExport.State.DONE).first()
        fitted = calibration.in_force()
        measured = RetrievalMetric.objects.filter(tenant=tenant).last()
    found: list[Metric] = [
        by("budget_limit_usd", "Limit of the paid API.", "period", [(of.period, float(of.limit_usd)) for of in limits]),
        by("budget_spent_usd", "Spent of the limit.", "period", [(of.period, float(of.spent_usd)) for of in limits]),
        by("budget_reserved_usd", "Set aside.", "period", [(of.period, float(of.reserved_usd)) for of in limits]),
        gauge("tau_ratio", "Confidence from which a question is answered here.", policy.tau),
        gauge("fallback_allowed", "Whether the paid API may be asked.", policy.fallback_allowed),
        gauge("fallback_share_limit_ratio", "Share from which training is due.", settings.AION_TAU_FALLBACK),
        gauge("retrieval_ndcg_limit_ratio", "nDCG below which search needs work.", settings.AION_TAU_NDCG),
        one_of("night_state", "How the last night ended.", Night.State, night.state if night else ""),
        one_of("export_state", "How the last export ended.", DatasetExport.State, export.state if export else ""),
    ]
    done = nights.exclude(state=Night.State.RUNNING)
    found += _moment("night_finished", "When a night last ended.", _last_of(done.values_list("finished_at", flat=True)))
    found += _moment("export_finished", "When an export last went well.", exported.finished_at if exported else None)
    found += _moment("calibration_fitted", "When the confidence was fitted.", fitted.created_at if fitted else None)
    if measured is not None:
        found.append(gauge("retrieval_ndcg_ratio", "nDCG@10 on golden questions, last measured.", measured.ndcg_at_10))
    return found


def _last_of(moments: Iterable[datetime | None]) -> datetime | None:
    return next((moment for moment in moments if moment is not None), None)


def _moment(name: str, about: str, moment: datetime | None) -> list[Metric]:
    """Nothing where it never happened: an age since 1970 would alarm."""
    return [gauge(f"{name}_timestamp_seconds", about, moment.timestamp())] if moment else []


def documents() -> list[Metric]:
    """What can be found, and whether the confidence still fits it."""
    with _asking_briefly():
        known = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection="main").order_by()
        rows = list(known.values_list("state").annotate(Count("id"), Sum("chunk_count")))
        stale = calibration.status().stale
    counts = {state: (count, chunks or 0) for state, count, chunks in rows}
    states = [(str(state), counts.get(state, (0, 0))) for state in Document.State]
    return [
        by("documents", "Documents, by state.", "state", [(state, count) for state, (count, _) in states]),
        gauge("chunks", "Passages that can be found.", sum(chunks for _, (_, chunks) in states)),
        gauge("calibration_stale", "1 where the confidence was fitted for something else.", bool(stale)),
    ]


def traffic() -> list[Metric]:
    """Of the last seven days."""
    with _asking_briefly():
        days = metrics.routes_by_day(settings.PRIMARY_TENANT_ID, WEEK.days, now=timezone.now())
    asked = sum(day.local + day.fallback + day.abstain for day in days)
    paid = sum(day.fallback for day in days)
    share = gauge(
        "fallback_share_ratio", "Share that the paid API answered, over 7 days.", paid / asked if asked else 0
    )
    return [share, gauge("questions_week", "Questions answered in the last 7 days.", asked)]


def broker() -> list[Metric]:
    """The queues, and what workers have done: they count it in Redis, which they cannot work without."""
    with Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as redis:
        waiting = [(queue, float(redis.llen(queue))) for queue in QUEUES]
        done = tasks.done(redis)
    ended = CounterMetricFamily("aion_tasks", "Background tasks that ended.", labels=["task", "outcome"])
    seconds = CounterMetricFamily("aion_task_seconds", "Time spent in background tasks.", labels=["task"])
    last = GaugeMetricFamily("aion_task_ended_timestamp_seconds", "When one last ended.", labels=["task"])
    for task in done:
        for outcome, count in task.outcomes.items():
            ended.add_metric([task.name, outcome], count)
        seconds.add_metric([task.name], task.seconds)
        last.add_metric([task.name], task.ended_at)
    return [by("task_queue_length", "Background tasks that wait.", "queue", waiting), ended, seconds, last]


@contextmanager
def _asking_briefly() -> Iterator[None]:
    """No query longer than `LONGEST_QUERY`, and the connection given back: no request ends in these threads."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [LONGEST_QUERY])
            yield
    finally:
        connections.close_all()


ASIDE: Final[Sequence[Part]] = (
    Part("database", money_and_nights, every_s=5),
    Part("documents", documents, every_s=60),
    Part("traffic", traffic, every_s=300),
    Part("broker", broker, every_s=5),
)


class Here:
    """A collector of what is known in this process without asking anybody."""

    def collect(self) -> Iterator[Metric]:
        engine_is_up = engine_status().state in (EngineState.READY, EngineState.SWAPPING)
        yield gauge("engine_up", "Whether the local model can answer.", engine_is_up)
        yield from engine()
        yield from disk()


def collectors() -> tuple[Here, Parts]:
    """For a registry."""
    return Here(), Parts(ASIDE)
