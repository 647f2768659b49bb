"""What every request gets: an id, a span where it is traced, and its place in the figures. Static files get none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from opentelemetry import context as otel
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from aion.observing import figures
from aion.observing.tasks import CARRIER
from telemetry import correlation

HEADER: Final = "X-Request-ID"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_tracer = trace.get_tracer("aion.http")


class Observed:
    """An answer may be a stream: it is counted, and its span ended, when that has been sent or given up."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.monotonic()
        identifier = correlation.sane_or_new(request.headers.get(HEADER, ""))
        correlation.begin(identifier)
        figures.HTTP_IN_FLIGHT.inc()
        parent = CARRIER.extract({name.lower(): value for name, value in request.headers.items()})
        span = _tracer.start_span(_method(request), parent, SpanKind.SERVER)
        token = otel.attach(trace.set_span_in_context(span, parent))
        response: Any = None
        try:
            response = self.get_response(request)
        finally:
            otel.detach(token)
            end = partial(_end, request, response.status_code if response is not None else 500, span, began)
            if not isinstance(response, StreamingHttpResponse):
                end()
        response[HEADER] = identifier
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = _Stream(iter(response.streaming_content), end)  # type: ignore[arg-type]  # WSGI
        return response  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class _Stream:
    """An answer's parts; Django calls `close` when the last was sent, or the client has gone."""

    parts: Iterator[bytes]
    close: Callable[[], None]

    def __iter__(self) -> Iterator[bytes]:
        return self.parts


def _end(request: HttpRequest, status: int, span: Span, began: float) -> None:
    method, route = _method(request), _route(request)
    figures.HTTP_IN_FLIGHT.dec()
    figures.HTTP_REQUESTS.labels(method, route, status).inc()
    figures.HTTP_DURATION.labels(route).observe(time.monotonic() - began)
    span.update_name(f"{method} {route}")
    span.set_attribute("http.request.method", method)
    span.set_attribute("http.route", route)
    span.set_attribute("http.response.status_code", status)
    span.set_attribute("aion.request_id", correlation.request_id())
    if status >= 500:
        span.set_status(StatusCode.ERROR)
        span.set_attribute("error.type", str(status))
    span.end()
    correlation.begin("")


def _method(request: HttpRequest) -> str:
    return request.method if request.method in METHODS else figures.OTHER


def _route(request: HttpRequest) -> str:
    """The address as it is written in urls.py, so that there are only so many; the panel's hundreds are one."""
    match = request.resolver_match
    if match is None:
        return "unmatched"
    return "/admin/" if match.route.startswith("admin/") else f"/{match.route}"
