"""A collector on loopback that takes OTLP over HTTP as protobuf, decodes it, and does what `behaviour` says."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE_S = 120


@dataclass
class Collector:
    """What came in; `behaviour` is take, refuse or hang."""

    behaviour: str = "take"
    url: str = ""
    spans: list[Any] = field(default_factory=list)
    metrics: list[Any] = field(default_factory=list)
    resources: list[dict[str, Any]] = field(default_factory=list)
    raw: bytes = b""
    release: threading.Event = field(default_factory=threading.Event)

    def take(self, path: str, body: bytes) -> None:
        self.raw += body
        if path == "/v1/traces":
            for of in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.resources.append(attributes(of.resource))
                self.spans += [span for scope in of.scope_spans for span in scope.spans]
        elif path == "/v1/metrics":
            for of in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.metrics += [metric for scope in of.scope_metrics for metric in scope.metrics]

    def wait_for(self, name: str) -> Any:
        """The first span of this name, once it is there."""
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            if found := [span for span in list(self.spans) if span.name == name]:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"{name} is not among {[span.name for span in self.spans]}")


def attributes(of: Any) -> dict[str, Any]:
    """The attributes of a span, an event or a resource as plain values."""
    return {each.key: _plain(each.value) for each in of.attributes}


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(each) for each in value.array_value.values]
    return getattr(value, kind)


@contextmanager
def running_collector() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers["Content-Encoding"] == "gzip":
                body = gzip.decompress(body)
            if collector.behaviour == "hang":
                collector.release.wait(PATIENCE_S)
            if collector.behaviour == "take":
                collector.take(self.path, body)
            self.send_response(200 if collector.behaviour == "take" else 400)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield collector
    finally:
        collector.release.set()
        server.shutdown()
        server.server_close()
