"""A small server that answers as vLLM's does, with words instead of a model.

Written from vLLM's documentation (docs/features/lora.md, docs/serving/openai_compatible_server.md) and from its
`entrypoints/openai/models/serving.py` and `entrypoints/serve/lora` as of 2026: which calls there are, their statuses
and error bodies, and what `/v1/models` lists. The words are the proof: an adapter's are made of its weights' bytes.

In one thing it is stricter than vLLM, where a running request keeps its adapter: here it fails when the adapter is
unloaded under it.
"""

from __future__ import annotations

import hashlib
import json
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from inference.adapter_folder import CONFIG, WEIGHTS

WINDOW = 4096
MAX_RANK = 16
BASE_WORD = "base"
LOGPROB = -0.25


@dataclass
class VLLM:
    """What it holds, what it was asked, and how it misbehaves."""

    base: str = "mistral"
    runtime_lora: bool = True
    words: int = 3
    pause_s: float = 0.0
    status: int = 200
    retry_after: str | None = "7"
    finish_reason: str | None = "stop"
    answers_as: str | None = None
    counts: bool = True
    drops: bool = False
    loading_s: float = 0.0
    health: dict[str, Any] = field(default_factory=dict)
    adapters: dict[str, Path] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    asked: dict[str, Any] = field(default_factory=dict)
    started: threading.Event = field(default_factory=threading.Event)
    may_write: threading.Event = field(default_factory=threading.Event)
    hung_up: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def restart(self) -> None:
        """Runtime adapters are kept nowhere."""
        self.adapters.clear()

    def word_of(self, model: str) -> str:
        """Raises KeyError for a model that it does not serve."""
        if model == self.base:
            return BASE_WORD
        return hashlib.sha256((self.adapters[model] / WEIGHTS).read_bytes()).hexdigest()[:8]


@contextmanager
def vllm_server(port: int = 0) -> Iterator[VLLM]:
    vllm = VLLM()
    vllm.may_write.set()

    class Handler(_Handler):
        serves = vllm

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        vllm.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield vllm
        finally:
            vllm.may_write.set()
            server.shutdown()


class _Handler(BaseHTTPRequestHandler):
    serves: VLLM
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            self._json(self.serves.health)
            return
        self._json({"object": "list", "data": self._cards()})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        match self.path.removeprefix("/v1/"):
            case "chat/completions":
                self._chat(body)
            case "load_lora_adapter" if self.serves.runtime_lora:
                self.serves.calls.append(("load", body["lora_name"]))
                time.sleep(self.serves.loading_s)
                self._load(body["lora_name"], Path(body["lora_path"]), in_place=body.get("load_inplace", False))
            case "unload_lora_adapter" if self.serves.runtime_lora:
                self.serves.calls.append(("unload", body["lora_name"]))
                self._unload(body["lora_name"])
            case _:
                self._json({"detail": "Not Found"}, 404)

    def _cards(self) -> list[dict[str, Any]]:
        base = self.serves.base
        common = {"object": "model", "created": 1, "owned_by": "vllm", "permission": []}
        adapters = [
            common | {"id": name, "root": str(path), "parent": base, "max_model_len": None}
            for name, path in self.serves.adapters.items()
        ]
        return [common | {"id": base, "root": f"/models/{base}", "parent": None, "max_model_len": WINDOW}, *adapters]

    def _load(self, name: str, path: Path, *, in_place: bool) -> None:
        if name in self.serves.adapters and not in_place:
            self._error(400, "InvalidUserInput", f"The lora adapter '{name}' has already been loaded.")
        elif not (path / CONFIG).is_file():
            self._error(404, "NotFoundError", f"Loading lora {name} failed: No adapter found for {path}")
        elif (rank := json.loads((path / CONFIG).read_text())["r"]) > MAX_RANK:
            message = f"LoRA rank {rank} is greater than max_lora_rank {MAX_RANK}."
            self._error(500, "InternalServerError", message)
        else:
            self.serves.adapters[name] = path
            self._text(f"Success: LoRA adapter '{name}' added successfully.")

    def _unload(self, name: str) -> None:
        if self.serves.adapters.pop(name, None) is None:
            self._error(404, "NotFoundError", f"The lora adapter '{name}' cannot be found.")
        else:
            self._text(f"Success: LoRA adapter '{name}' removed successfully.")

    def _chat(self, body: dict[str, Any]) -> None:
        vllm = self.serves
        vllm.asked = body
        if vllm.status != 200:
            self._error(vllm.status, "InternalServerError", "no")
            return
        try:
            word = vllm.word_of(body["model"])
        except KeyError:
            self._error(404, "NotFoundError", f"The model `{body['model']}` does not exist.", param="model")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        vllm.started.set()
        try:
            self._write_words(word, body)
        except ConnectionError:
            vllm.hung_up.set()
        except KeyError:
            return  # without the end that its framing promises

    def _write_words(self, word: str, body: dict[str, Any]) -> None:
        """Raises KeyError where the adapter is unloaded meanwhile, ConnectionError where the caller hangs up."""
        vllm, model = self.serves, body["model"]
        while not vllm.may_write.wait(0.01):
            self._look_for_hangup()
        self._chunk(model, {"delta": {"role": "assistant", "content": ""}})
        for _number in range(vllm.words):
            time.sleep(vllm.pause_s)
            self._look_for_hangup()
            if vllm.word_of(model) != word:
                raise KeyError(model)
            logprobs = {"content": [{"token": word, "logprob": LOGPROB, "bytes": None, "top_logprobs": []}]}
            self._chunk(
                model, {"delta": {"content": f"{word} "}, "logprobs": logprobs if body.get("logprobs") else None}
            )
        if vllm.drops:
            return
        if vllm.finish_reason:
            self._chunk(model, {"delta": {}, "finish_reason": vllm.finish_reason})
        if vllm.counts:
            self._usage(model)
        self._frame(b"data: [DONE]\n\n")
        self._frame(b"")

    def _usage(self, model: str) -> None:
        words = self.serves.words
        usage = {"prompt_tokens": 5, "completion_tokens": words, "total_tokens": 5 + words}
        self._event({"choices": [], "usage": usage, "model": model})

    def _chunk(self, model: str, choice: dict[str, Any]) -> None:
        self._event(
            {"choices": [{"index": 0, "finish_reason": None} | choice], "model": self.serves.answers_as or model}
        )

    def _event(self, chunk: dict[str, Any]) -> None:
        common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
        self._frame(f"data: {json.dumps(common | chunk)}\n\n".encode())

    def _frame(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _look_for_hangup(self) -> None:
        readable, _, _ = select.select([self.connection], [], [], 0)
        if readable and not self.connection.recv(1):
            raise ConnectionError

    def _error(self, status: int, kind: str, message: str, param: str | None = None) -> None:
        self._json({"error": {"message": message, "type": kind, "param": param, "code": status}}, status)

    def _json(self, body: dict[str, Any], status: int = 200) -> None:
        self._text(json.dumps(body), status, "application/json")

    def _text(self, text: str, status: int = 200, kind: str = "text/plain") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status in (429, 503) and self.serves.retry_after:
            self.send_header("Retry-After", self.serves.retry_after)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        return
