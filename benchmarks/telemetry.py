"""Ten million events: how long charts, recording, counting, dropping a month and erasing a person take.

A year of questions is poured into a database that syncs to disk like an owner's (`benchmarks.telemetry_events`), the
latest with conversations of a million messages. Then, in turn: every hour is counted from nothing; each question that a
dashboard asks of the counts is asked `REPEATS` times; questions are recorded, the whole of what remains of one; while
more are recorded the task runs every minute and the age of the oldest event that is not counted is watched; a month is
dropped; one person is erased, and what that person alone said is looked for in every table and file.

The bars: 300 ms, 3 ms, 120 s, 10 s, 60 s, and nothing found."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db import connection, connections
from django.utils import timezone

from aion.erasure import erase_person
from benchmarks.lines import Line, beside
from benchmarks.options import Options
from benchmarks.telemetry_events import DOCUMENTS, PLANTED, Poured, pour
from benchmarks.telemetry_question import record_question
from telemetry import metrics, partitions
from telemetry.models import Event
from telemetry.rollups import keeping, reading
from telemetry.rollups.reading import Grain, Metric, Range

EVENTS, MESSAGES = 10_000_000, 1_000_000
REPEATS, RECORDED = 20, 500
TASK_EVERY_S, WATCHED_TASKS, QUESTIONS_A_SECOND = 60.0, 3, 10.0
BAR_CHART_MS, BAR_RECORD_MS, BAR_LAG_S, BAR_DROP_S, BAR_ERASE_S = 300.0, 3.0, 120.0, 10.0, 60.0


def measure(options: Options) -> Iterator[Line]:
    """With `--limit N` N events, a tenth as many messages, and one run of the task instead of three."""
    tenant, events = settings.PRIMARY_TENANT_ID, options.limit or EVENTS
    began = time.monotonic()
    poured = pour(tenant, events, MESSAGES if events == EVENTS else events // 10)
    about = {"events": poured.events, "questions": poured.questions, "messages": poured.messages}
    yield Line("pouring", "seconds", time.monotonic() - began, conditions=about)
    yield from _count_all(about)
    yield from _charts(tenant, about)
    yield from _recording(about)
    yield from _lag(tenant, WATCHED_TASKS if events == EVENTS else 1, about)
    yield from _dropping(poured, about)
    yield from _erasing(poured, about)


def _count_all(about: Mapping[str, object]) -> Iterator[Line]:
    began = time.monotonic()
    days = keeping.keep_all()
    seconds = time.monotonic() - began
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE telemetry_rollup")
    yield Line("counting all", "seconds", seconds, conditions={"days": days, **about})


def _charts(tenant: str, about: Mapping[str, object]) -> Iterator[Line]:
    worst = 0.0
    for name, ask in _questions(tenant).items():
        p95 = float(np.percentile([_took_ms(ask) for _ in range(REPEATS)], 95))
        worst = max(worst, p95)
        yield from beside(name, "p95_ms", p95, {"the bar": BAR_CHART_MS}, n=REPEATS, **about)
    yield from beside("the slowest chart", "p95_ms", worst, {"the bar": BAR_CHART_MS}, **about)


def _questions(tenant: str) -> dict[str, Callable[[], object]]:
    """What dashboards ask, over the longest ranges they offer."""
    week, month, quarter, year = (Range.of_last(days) for days in (7, 30, 90, 365))
    installed = [UUID(int=number) for number in range(1, 2 * DOCUMENTS)]
    asked: dict[str, Callable[[], object]] = {
        f"{metric} by day, a year": partial(reading.chart, metric, tenant, year)
        for metric in Metric
        if metric != Metric.DOCUMENT
    }
    return asked | {
        "first page: routes": lambda: metrics.routes_by_day(tenant, 14),
        "overview, a year": lambda: (reading.overview(tenant, year), reading.overview(tenant, year.before)),
        "routes by hour, a week": lambda: reading.chart(Metric.ROUTE, tenant, week, grain=Grain.HOUR),
        "confidence, a year": lambda: reading.confidence(tenant, year),
        "reliability, a year": lambda: reading.reliability(tenant, year),
        "latency by stage, a year": lambda: reading.latencies(tenant, year),
        "latency by day, a year": lambda: reading.latency_chart("total", tenant, year),
        "latency by hour, a week": lambda: reading.latency_chart("total", tenant, week, grain=Grain.HOUR),
        "heatmap, a month": lambda: reading.heatmap(tenant, month),
        "heatmap, a quarter": lambda: reading.heatmap(tenant, quarter),
        "dead documents, a quarter": lambda: reading.dead_documents(tenant, quarter, installed),
        "over-used documents, a quarter": lambda: reading.overused_documents(tenant, quarter, share=0.01),
    }


def _recording(about: Mapping[str, object]) -> Iterator[Line]:
    """What telemetry writes, in a transaction of its own; and with the conversation's turns, which is the whole."""
    for _warming in range(20):
        record_question()
    events_alone = partial(record_question, with_turns=False)
    for name, record in (("its events", events_alone), ("events and turns", record_question)):
        p50, p95 = (float(ms) for ms in np.percentile([_took_ms(record) for _ in range(RECORDED)], (50, 95)))
        conditions = {"n": RECORDED, "p50_ms": round(p50, 2), **about}
        yield from beside(f"recording {name}", "p95_ms", p95, {"the bar": BAR_RECORD_MS}, **conditions)


def _lag(tenant: str, tasks: int, about: Mapping[str, object]) -> Iterator[Line]:
    """The task as beat runs it, every minute, while questions are recorded."""
    stop, recorded = threading.Event(), 0

    def ask() -> None:
        nonlocal recorded
        while not stop.wait(1 / QUESTIONS_A_SECOND):
            record_question()
            recorded += 1
        connections.close_all()

    asking = threading.Thread(target=ask)
    asking.start()
    worst, runs = 0.0, []
    try:
        for _run in range(tasks):
            until = time.monotonic() + TASK_EVERY_S
            while time.monotonic() < until:
                time.sleep(1)
                worst = max(worst, _waiting_s(tenant))
            began = time.monotonic()
            keeping.keep()
            runs.append(time.monotonic() - began)
            worst = max(worst, _waiting_s(tenant))
    finally:
        stop.set()
        asking.join()
    more = {"recorded": recorded, "task_s": round(max(runs), 2)}
    yield from beside("rollups", "lag_s", worst + max(runs), {"the bar": BAR_LAG_S}, **more, **about)


def _waiting_s(tenant: str) -> float:
    since = reading.waiting_since(tenant)
    return (timezone.now() - since).total_seconds() if since else 0.0


def _dropping(poured: Poured, about: Mapping[str, object]) -> Iterator[Line]:
    """The first month, of which the year has but an end, and the whole one after it."""
    before = poured.since.date().replace(day=1) + timedelta(days=62)
    there = _count_of_events()
    began = time.monotonic()
    names = partitions.drop_months(before)
    seconds = time.monotonic() - began
    conditions = {"months": len(names), "gone": there - _count_of_events(), **about}
    yield from beside("a month dropped", "seconds", seconds, {"the bar": BAR_DROP_S}, **conditions)


def _count_of_events() -> int:
    return Event.objects.order_by().count()


def _erasing(poured: Poured, about: Mapping[str, object]) -> Iterator[Line]:
    there = sum(_planted_rows().values())
    began = time.monotonic()
    receipt = erase_person(poured.person)
    seconds = time.monotonic() - began
    counts = {"rows_before": there, "erased": {room: dict(kinds) for room, kinds in receipt.erased.items()}}
    yield from beside("a person erased", "seconds", seconds, {"the bar": BAR_ERASE_S}, **counts, **about)
    left = _planted_rows()
    yield Line("a person erased", "left", sum(left.values()) + _planted_files(), conditions={"where": left, **about})


def _planted_rows() -> dict[str, int]:
    """In how many rows of each table the planted text stands, whatever the column."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        found = {}
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT count(*) FROM {table} AS row WHERE row::text LIKE %s", [f"%{PLANTED}%"])
            found[table] = cursor.fetchone()[0]
    return {table: count for table, count in found.items() if count}


def _planted_files() -> int:
    """How many of AION's own files hold it; the database's are its own affair."""
    own = (path for path in Path(settings.VAR_DIR).rglob("*") if path.is_file() and "postgres" not in path.parts)
    return sum(PLANTED.encode() in path.read_bytes() for path in own)


def _took_ms(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000
