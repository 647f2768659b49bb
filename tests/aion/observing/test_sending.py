"""A collector that is slow, gone, or not named at all: what waits is bounded, what is lost is counted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

from aion.observing import sending
from aion.observing.figures import SPANS
from tests.aion.observing.collector import Collector, running_collector

MANY = 2 * sending.MOST_WAITING
SET_UP = "import sys, django; django.setup(); import aion.urls, chat.answering;"
SENDING = ("opentelemetry.sdk.trace.export", "opentelemetry.exporter")
REPORT = f"print('sdk:', [name for name in sys.modules if name.startswith({SENDING!r})])"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with running_collector() as running:
        yield running


def counted(outcome: str) -> float:
    return float(SPANS.labels(outcome)._value.get())


def sending_to(collector: Collector) -> tuple[sending.Sender, TracerProvider]:
    sender = sending.Sender(OTLPSpanExporter(endpoint=f"{collector.url}/v1/traces", timeout=1))
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(sending.BoundedProcessor(sender))
    return sender, provider


def make_spans(provider: TracerProvider, count: int) -> None:
    tracer = provider.get_tracer("test")
    for number in range(count):
        tracer.start_span(f"span {number}").end()


def test_spans_arrive_and_are_counted(collector: Collector) -> None:
    before = counted("sent")
    _sender, provider = sending_to(collector)
    make_spans(provider, 10)
    provider.force_flush()
    assert [span.name for span in collector.spans] == [f"span {number}" for number in range(10)]
    assert counted("sent") == before + 10
    provider.shutdown()


def test_a_collector_that_hangs_costs_spans_and_no_time(collector: Collector) -> None:
    collector.behaviour = "hang"
    lost, failed, sent = counted("dropped"), counted("failed"), counted("sent")
    sender, provider = sending_to(collector)
    began = time.monotonic()
    make_spans(provider, MANY)
    assert (time.monotonic() - began) / MANY < 0.01
    assert counted("dropped") > lost
    sender.until = time.monotonic()
    began = time.monotonic()
    provider.shutdown()
    assert time.monotonic() - began < 20
    assert counted("dropped") - lost + counted("failed") - failed == MANY
    assert counted("sent") == sent


def test_what_a_collector_refuses_is_counted(collector: Collector) -> None:
    collector.behaviour = "refuse"
    before = counted("failed")
    _sender, provider = sending_to(collector)
    make_spans(provider, 3)
    provider.force_flush()
    provider.shutdown()
    assert counted("failed") == before + 3


def test_there_is_room_again_after_a_batch(collector: Collector) -> None:
    before = counted("sent")
    _sender, provider = sending_to(collector)
    for _ in range(3):
        make_spans(provider, sending.MOST_WAITING // 2)
        provider.force_flush()
    assert counted("sent") == before + 3 * (sending.MOST_WAITING // 2)
    provider.shutdown()


def test_nothing_that_sends_is_imported_where_no_collector_is_named() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    ran = subprocess.run([sys.executable, "-c", SET_UP + REPORT], env=environment, capture_output=True, text=True)
    assert ran.stdout.splitlines()[-1:] == ["sdk: []"], ran.stdout + ran.stderr
