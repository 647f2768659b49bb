"""Sends traces and metrics to a collector (OTLP over HTTP); imported only where the environment names one.

Rooms make spans with opentelemetry's API alone, which does nothing until `start`. What is to be sent waits in memory,
so much and no more: a collector that is slow or gone costs spans, which are counted, and never an answer.
"""

from __future__ import annotations

import atexit
import math
import os
import socket
import threading
import time
from collections.abc import Sequence
from typing import Final

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from aion.observing.figures import SPANS

MOST_WAITING: Final = 2048  # spans
SEND_TIMEOUT_S: Final = 3.0
LEAVE_TIMEOUT_S: Final = 2.0
SPANS_EVERY_MS: Final = 2000
METRICS_EVERY_MS: Final = 30_000


def start() -> TracerProvider:
    """Send what rooms record from now on, until the process ends; once. The library reads the rest of its own
    variables (`OTEL_...`) itself."""
    name = os.environ.get("OTEL_SERVICE_NAME") or "aion"
    instance = f"{socket.gethostname()}:{os.getpid()}"
    resource = Resource.create({"service.name": name, "service.instance.id": instance})
    sender = Sender(OTLPSpanExporter(timeout=SEND_TIMEOUT_S))
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BoundedProcessor(sender))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(timeout=SEND_TIMEOUT_S), METRICS_EVERY_MS)
    meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(meters)

    def leave() -> None:
        """The rest is sent if that is quick: a collector that hangs must not hold up the end of a process."""
        sender.until = time.monotonic() + LEAVE_TIMEOUT_S
        provider.shutdown()
        meters.shutdown(timeout_millis=LEAVE_TIMEOUT_S * 1000)

    atexit.register(leave)
    return provider


class Sender(SpanExporter):
    """Passes spans to `exporter`, and counts what becomes of them. After `until` (monotonic) nothing more is sent."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.until = math.inf
        self._exporter = exporter
        self._waiting = 0
        self._lock = threading.Lock()

    def admit(self) -> bool:
        """Whether there is room for one span more among those that wait to be sent."""
        with self._lock:
            if self._waiting >= MOST_WAITING:
                return False
            self._waiting += 1
            return True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            if time.monotonic() < self.until:
                result = self._exporter.export(spans)
        finally:
            with self._lock:
                self._waiting -= len(spans)
            SPANS.labels("sent" if result is SpanExportResult.SUCCESS else "failed").inc(len(spans))
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class BoundedProcessor(BatchSpanProcessor):
    """Sends in batches from a thread of its own; a span that finds no room is dropped, and counted."""

    def __init__(self, sender: Sender) -> None:
        super().__init__(sender, max_queue_size=MOST_WAITING, schedule_delay_millis=SPANS_EVERY_MS)
        self._sender = sender

    def on_end(self, span: ReadableSpan) -> None:
        if not (span.context and span.context.trace_flags.sampled):
            return
        if self._sender.admit():
            super().on_end(span)
        else:
            SPANS.labels("dropped").inc()
