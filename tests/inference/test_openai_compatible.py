"""A server that speaks OpenAI's protocol as the local model: the real client against a real HTTP server."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from django.conf import settings

from inference import serving
from inference.backends.fake import FakeEngine
from inference.backends.openai_compatible import OpenAICompatibleEngine, is_aion_itself
from inference.engine import Delta, GenerationRequest, GenerationResult, Message, ServedAdapter
from inference.exceptions import AdapterRejected, EngineBusy, EngineUnavailable, GenerationCancelled, GenerationFailed

REQUEST = GenerationRequest((Message("user", "Olá"),), max_new_tokens=8, stop=("fim",), seed=3, deadline_s=5)


class Server(BaseHTTPRequestHandler):
    """Answers `/v1/models`, streams two deltas, or fails with `status`; `asked` is the last body."""

    status: ClassVar[int] = 200
    asked: ClassVar[dict[str, Any]] = {}
    health: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        self._send(
            json.dumps(self.health if self.path == "/health" else {"data": [{"id": "small", "object": "model"}]})
        )

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        type(self).asked = json.loads(self.rfile.read(length))
        if self.status != 200:
            self._send('{"error": {"message": "no"}}', status=self.status)
            return
        chunks: list[dict[str, object]] = [
            {"choices": [{"index": 0, "delta": {"content": text}}]} for text in ("Bom ", "dia.")
        ]
        chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
        chunks.append({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}})
        common = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "small"}
        events = [f"data: {json.dumps(common | chunk)}\n\n" for chunk in chunks]
        self._send("".join([*events, "data: [DONE]\n\n"]), kind="text/event-stream")

    def _send(self, body: str, *, status: int = 200, kind: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Retry-After", "7")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Server, "status", 200)
    monkeypatch.setattr(Server, "health", {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_it_streams_and_reports_usage(url: str) -> None:
    *parts, result = OpenAICompatibleEngine(url).generate(REQUEST)
    assert [part.text for part in parts if isinstance(part, Delta)] == ["Bom ", "dia."]
    assert isinstance(result, GenerationResult)
    assert (result.text, result.finish_reason, result.model) == ("Bom dia.", "length", "small")
    assert (result.usage.input_tokens, result.usage.output_tokens) == (5, 2)
    assert {"stop": ["fim"], "seed": 3, "max_tokens": 8, "temperature": 0.0}.items() <= Server.asked.items()


@pytest.mark.parametrize(("status", "error"), [(429, EngineBusy), (503, EngineUnavailable), (400, GenerationFailed)])
def test_its_failures_are_the_engine_s(
    url: str, monkeypatch: pytest.MonkeyPatch, status: int, error: type[Exception]
) -> None:
    monkeypatch.setattr(Server, "status", status)
    with pytest.raises(error) as caught:
        list(OpenAICompatibleEngine(url).generate(REQUEST))
    assert getattr(caught.value, "retry_after_s", 7) == 7


def test_nobody_there_is_unavailable() -> None:
    engine = OpenAICompatibleEngine("http://127.0.0.1:9")
    with pytest.raises(EngineUnavailable):
        list(engine.generate(REQUEST))
    assert engine.status().error


def test_it_stops_when_whoever_asked_went_away(url: str) -> None:
    with pytest.raises(GenerationCancelled):
        list(OpenAICompatibleEngine(url).generate(REQUEST, cancelled=lambda: True))


def test_adapters_are_refused(url: str) -> None:
    with pytest.raises(AdapterRejected):
        OpenAICompatibleEngine(url).serve_adapter(ServedAdapter("a", "b", "c"))


def test_an_old_address_that_is_aion_itself_is_recognised(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_aion_itself(url)
    assert is_aion_itself(f"http://localhost:{settings.AION_PORT}")
    monkeypatch.setattr(Server, "health", {"service": "aion"})
    assert is_aion_itself(url)


def test_aion_does_not_ask_itself(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "AION_LOCAL_LLM_URL", f"http://localhost:{settings.AION_PORT}")
    assert isinstance(serving._configured_engine(), FakeEngine)
    monkeypatch.setattr(settings, "AION_LOCAL_LLM_URL", url)
    assert isinstance(serving._configured_engine(), OpenAICompatibleEngine)
