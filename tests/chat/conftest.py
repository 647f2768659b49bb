"""A small set of documents, an embedder that needs no model, the scripted engine, and a provider of one's own."""

from __future__ import annotations

import json
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from chat import breaker, calibration, control
from chat.answering import Asker
from inference.backends.fake import FakeEngine
from inference.engine import EngineStatus
from retrieval import embeddings
from retrieval.ingestion import ingest_text
from retrieval.text import tokens

FULL_DAY = (
    "O passeio de dia inteiro em Sintra custa € 98 por adulto. Ele sai do Rossio às 8h30 e dura nove horas. "
    "Crianças até três anos não pagam."
)
HALF_DAY = "O passeio de meio dia em Sintra custa € 62 por adulto. A saída é às 9h00 ou às 14h00, da Praça da Figueira."
LOST = "Objetos esquecidos na van ficam guardados no escritório por trinta dias. A retirada é feita com documento."
STAFF = Asker(groups=None, may_set_tau=True, may_force=True)


class FullEngine(FakeEngine):
    """Its queue has no room."""

    def status(self) -> EngineStatus:
        return replace(super().status(), retry_after_s=7.0)


class HashedEmbedder:
    """Bags of stems hashed to 64 places: texts that share words are near each other, and no model is loaded."""

    id = "hashed:64"
    dimensions = 384

    def query(self, text: str) -> np.ndarray:
        vector = np.full(self.dimensions, 0.05, np.float32)
        for stem in tokens(text):
            vector[zlib.crc32(stem.encode()) % self.dimensions] += 1
        return vector / np.linalg.norm(vector)

    def passages(self, texts: Sequence[str]) -> np.ndarray:
        return np.stack([self.query(text) for text in texts])

    def token_count(self, text: str) -> int:
        return len(text) // 3


@pytest.fixture(autouse=True)
def light_parts(settings, monkeypatch) -> Iterator[None]:
    monkeypatch.setitem(embeddings.LIBRARIES, "hashed", lambda _model: HashedEmbedder())
    settings.AION_EMBEDDER = "hashed:64"
    settings.AION_ENGINE = "inference.backends.fake.FakeEngine"
    control.forget()
    calibration.forget()
    breaker.forget()
    FakeEngine.reset()
    yield
    control.forget()
    calibration.forget()
    breaker.forget()
    FakeEngine.reset()


@pytest.fixture
def documents(db, settings) -> None:
    tenant = settings.PRIMARY_TENANT_ID
    ingest_text("Sintra dia inteiro", tenant=tenant, passages=[FULL_DAY])
    ingest_text("Sintra meio dia", tenant=tenant, passages=[HALF_DAY])
    ingest_text("Achados e perdidos", tenant=tenant, passages=[LOST])


class Provider:
    """An OpenAI-compatible server on loopback that does what `behaviour` says, after what `before` says in turn, and
    keeps what it was sent."""

    def __init__(self) -> None:
        self.behaviour = "answer"
        self.before: list[str] = []
        self.retry_after: str | None = None
        self.text = "O passeio custa € 98 por adulto [1]."
        self.usage: dict[str, Any] | None = {"prompt_tokens": 500, "completion_tokens": 20, "total_tokens": 520}
        self.requests: list[dict[str, Any]] = []
        self.release = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                asked = {"path": self.path, "raw": body.decode(), "body": json.loads(body)}
                provider.requests.append(asked | {"key": self.headers["Authorization"]})
                provider.respond(self)

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    def respond(self, handler: BaseHTTPRequestHandler) -> None:
        behaviour = self.before.pop(0) if self.before else self.behaviour
        if behaviour.isdigit():
            return self._refuse(handler, int(behaviour))
        if behaviour == "silent":
            self.release.wait(10)
            handler.close_connection = True
            return None
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        if behaviour == "garbage":
            handler.wfile.write(b"data: {this is not json\n\n")
            return None
        if behaviour == "trickle":
            while not self.release.wait(0.1):
                self._send(handler, {"choices": [{"index": 0, "delta": {"content": "a "}, "finish_reason": None}]})
            return None
        if behaviour == "nonsense":
            self._send(handler, {"choices": [{"index": 0, "delta": {"content": {"text": 7}}, "finish_reason": None}]})
            return None
        pieces = [self.text[at : at + 7] for at in range(0, len(self.text), 7)]
        if behaviour == "half":
            pieces = pieces[: len(pieces) // 2]
        if behaviour in ("nothing", "empty"):
            pieces = []
        for piece in pieces:
            self._send(handler, {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
        if behaviour in ("half", "nothing"):
            return None
        self._send(handler, {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        if self.usage is not None:
            self._send(handler, {"choices": [], "usage": self.usage})
        handler.wfile.write(b"data: [DONE]\n\n")
        return None

    def _send(self, handler: BaseHTTPRequestHandler, part: dict[str, object]) -> None:
        frame = {"id": "c1", "object": "chat.completion.chunk", "created": int(time.time()), "model": "m"} | part
        handler.wfile.write(f"data: {json.dumps(frame)}\n\n".encode())

    def _refuse(self, handler: BaseHTTPRequestHandler, status: int) -> None:
        body = json.dumps({"error": {"message": "no", "type": "t", "code": "c"}}).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        if self.retry_after is not None:
            handler.send_header("Retry-After", self.retry_after)
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def provider(settings) -> Iterator[Provider]:
    server = Provider()
    settings.OPENAI_BASE_URL = server.url
    settings.OPENAI_API_KEY = "sk-test"
    settings.AION_FALLBACK_ENABLED = True
    settings.AION_FALLBACK_MODEL = "gpt-4o-mini"
    control.forget()
    yield server
    server.close()


@pytest.fixture
def providers(settings) -> Iterator[dict[str, Provider]]:
    """Two servers, `first` and `second`, asked in this order; OpenAI itself has no key."""
    servers = {"first": Provider(), "second": Provider()}
    settings.AION_FALLBACK_PROVIDERS = {
        name: {"base_url": server.url, "api_key": f"sk-{name}"} for name, server in servers.items()
    }
    settings.AION_FALLBACK_ENABLED = True
    settings.AION_FALLBACK_MODEL = "gpt-4o-mini@first, gpt-4o-mini@second"
    control.forget()
    yield servers
    for server in servers.values():
        server.close()
