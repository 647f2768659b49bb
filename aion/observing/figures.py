"""The figures that this process counts itself, as Prometheus knows them. Counts; decides nothing and reads nothing.

Labels take values from short lists only: never a person, a question, a document or an address that somebody typed.
"""

from __future__ import annotations

import threading
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # else a second series for each, which nobody looks at

REGISTRY: Final = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

MOST_VALUES: Final = 30
OTHER: Final = "other"
_FAST_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_ANSWER_S: Final = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 12, 20, 30, 60, 120)

HTTP_REQUESTS = Counter("aion_http_requests", "Requests answered.", ["method", "route", "status"], registry=REGISTRY)
HTTP_DURATION = Histogram(
    "aion_http_request_duration_seconds",
    "Time until a request was answered whole, streams included.",
    ["route"],
    buckets=_FAST_S,
    registry=REGISTRY,
)
HTTP_IN_FLIGHT = Gauge("aion_http_requests_in_flight", "Requests being answered now.", registry=REGISTRY)

QUESTIONS = Counter(
    "aion_questions", "Questions taken in, by how they ended and why.", ["route", "reason"], registry=REGISTRY
)
FAILURES = Counter("aion_question_failures", "Questions that failed, by code.", ["code"], registry=REGISTRY)
QUESTION_DURATION = Histogram(
    "aion_question_duration_seconds",
    "Time until a question was answered whole.",
    ["route"],
    buckets=_ANSWER_S,
    registry=REGISTRY,
)
STAGE_DURATION = Histogram(
    "aion_question_stage_duration_seconds",
    "Time of a stage of answering; overhead is all but understanding and writing.",
    ["stage"],
    buckets=_FAST_S,
    registry=REGISTRY,
)
CONFIDENCE = Histogram(
    "aion_question_confidence_ratio",
    "Probability that the documents answer the question.",
    buckets=(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1),
    registry=REGISTRY,
)
CHECKED = Counter(
    "aion_answers_checked", "Answers checked against their passages, by outcome.", ["grounded"], registry=REGISTRY
)
TOKENS = Counter("aion_tokens", "Tokens read and written for answers.", ["route", "direction"], registry=REGISTRY)
PAID_CALLS = Counter(
    "aion_paid_calls", "Attempts to ask the paid API for an answer.", ["model", "outcome"], registry=REGISTRY
)
PAID_COST = Counter(
    "aion_paid_cost_usd", "US dollars charged by the paid API for answers.", ["model"], registry=REGISTRY
)
FEEDBACK = Counter("aion_feedback", "Opinions that askers gave.", ["vote"], registry=REGISTRY)
EVENTS = Counter("aion_events", "Events recorded by the web process.", ["kind"], registry=REGISTRY)
SPANS = Counter("aion_trace_spans", "Ended spans of traces, by what became of them.", ["outcome"], registry=REGISTRY)


class Bounded:
    """The first `MOST_VALUES` different values of a label; what comes after them is `other`."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, value: object) -> str:
        text = str(value)[:100]
        with self._lock:
            if text not in self._seen:
                if len(self._seen) >= MOST_VALUES:
                    return OTHER
                self._seen.add(text)
        return text
