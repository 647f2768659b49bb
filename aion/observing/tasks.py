"""What background tasks leave for operators: counts and times in Redis, which every worker of every machine reaches,
and the id and the trace of the request that asked for them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun
from django.conf import settings
from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from telemetry import correlation

KEY: Final = "aion:tasks"
REQUEST_ID: Final = "aion_request_id"
OUTCOMES: Final = {"SUCCESS": "done", "FAILURE": "failed", "RETRY": "again", "REVOKED": "revoked"}
CARRIER: Final = TraceContextTextMapPropagator()  # no baggage: what strangers sent goes no further
logger = logging.getLogger(__name__)
_tracer = trace.get_tracer("aion.tasks")


@dataclass(slots=True)
class TaskDone:
    """All runs of a task so far; times in seconds, `ended_at` since 1970."""

    name: str
    outcomes: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    ended_at: float = 0.0


@dataclass(frozen=True, slots=True)
class _Run:
    """A task at work in this thread."""

    began: float
    span: Span
    token: Any


_running: dict[str, _Run] = {}


def done(redis: Any) -> list[TaskDone]:
    """What was counted, a task each, by name; `redis` is a client of it."""
    found: dict[str, TaskDone] = {}
    for name, value in redis.hgetall(KEY).items():
        task, _, figure = name.decode().rpartition("|")
        of = found.setdefault(task, TaskDone(task))
        if figure == "seconds":
            of.seconds = float(value)
        elif figure == "ended_at":
            of.ended_at = float(value)
        else:
            of.outcomes[figure] = float(value)
    return [found[name] for name in sorted(found)]


@before_task_publish.connect
def send_along(headers: dict[str, Any] | None = None, **about: Any) -> None:
    """The id of the request at work, and its trace, in the message."""
    if headers is None:
        return
    if request_id := correlation.request_id():
        headers[REQUEST_ID] = request_id
    CARRIER.inject(headers)


@task_prerun.connect
def begin(task_id: str, task: Any, **about: Any) -> None:
    """Work on behalf of the request that asked for it."""
    sent = _sent(task)
    correlation.begin(correlation.sane_or_new(str(sent.get(REQUEST_ID) or "")))
    parent = CARRIER.extract(sent)
    span = _tracer.start_span(f"task {task.name}", parent, SpanKind.CONSUMER, {"aion.task": task.name})
    _running[task_id] = _Run(time.monotonic(), span, otel.attach(trace.set_span_in_context(span, parent)))


@task_postrun.connect
def end(task_id: str, task: Any, state: str | None = None, **about: Any) -> None:
    """Count it."""
    run = _running.pop(task_id, None)
    if run is None:
        return
    outcome = OUTCOMES.get(state or "", "other")
    if outcome == "failed":
        run.span.set_status(StatusCode.ERROR)
    otel.detach(run.token)
    run.span.end()
    _count(task.name, outcome, time.monotonic() - run.began)
    correlation.begin("")


def _count(task: str, outcome: str, seconds: float) -> None:
    from redis import Redis  # not at every start: it brings a good part of OpenTelemetry with it
    from redis.exceptions import RedisError

    try:
        with Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2) as redis:
            pipe = redis.pipeline(transaction=True)
            pipe.hincrby(KEY, f"{task}|{outcome}", 1)
            pipe.hincrbyfloat(KEY, f"{task}|seconds", seconds)
            pipe.hset(KEY, f"{task}|ended_at", repr(time.time()))
            pipe.execute()
    except RedisError as exc:
        logger.warning("the end of %s was not counted: %s", task, type(exc).__name__)


def _sent(task: Any) -> Mapping[str, Any]:
    """The headers of the message as far as they are ours."""
    names = (REQUEST_ID, *CARRIER.fields)
    return {name: value for name in names if isinstance(value := task.request.get(name), str)}


@setup_logging.connect
def log_as_settings_say(loglevel: int | str | None = None, **about: Any) -> None:
    """Instead of Celery's own formats, which would write arguments and results of tasks."""
    from aion.observing.logs import configure

    configure(level=loglevel or logging.INFO)
