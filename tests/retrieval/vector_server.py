"""An embeddings server with OpenAI's protocol on loopback, which answers as it is told to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zlib import crc32

import numpy as np

from retrieval.text import tokens


class VectorServer:
    """Bags of stems hashed to `dimensions` places. `behaviour` is what it does; `texts` is what it was sent."""

    def __init__(self, port: int) -> None:
        self.embedder = f"openai:stems@http://127.0.0.1:{port}/v1"
        self.dimensions = 64
        self.behaviour = "answer"
        self.fail_first = 0
        self.delay_s = 0.0
        self.texts: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []

    def vector(self, text: str) -> list[float]:
        found = np.full(self.dimensions, 0.05)
        for stem in tokens(text):
            found[crc32(stem.encode()) % self.dimensions] += 3
        return [float(value) for value in found]  # of any length: AION makes it one

    def answer(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        vectors = [self.vector(text) for text in asked["input"]]
        if self.fail_first > 0:
            self.fail_first -= 1
            return 503, b"busy"
        if self.behaviour == "garbage":
            return 200, b"<html>not found</html>"
        if self.behaviour == "refuse":
            return 400, b'{"error": {"message": "no such model"}}'
        if self.behaviour == "nan":
            vectors[-1][0] = float("nan")
        if self.behaviour == "huge":
            vectors[-1][0] = 1e300
        if self.behaviour == "zeros":
            vectors[-1] = [0.0] * self.dimensions
        if self.behaviour == "ragged":
            vectors = [*vectors[:-1], vectors[-1][:-1], vectors[-1]][: len(vectors) + 1]
        if self.behaviour == "short":
            vectors = vectors[:-1]
        data = [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]
        if self.behaviour == "words":
            data = [{"index": place, "embedding": "um"} for place in range(len(vectors))]
        return 200, json.dumps({"object": "list", "data": data[::-1], "model": asked["model"]}).encode()


@contextmanager
def serving(port: int) -> Iterator[VectorServer]:
    """A server until the block ends."""
    told = VectorServer(port)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.requests.append(asked)
            told.texts.extend(asked["input"])
            told.keys.append(self.headers.get("Authorization"))
            status, body = told.answer(asked)
            time.sleep(told.delay_s)
            if told.behaviour == "redirect":
                self.send_response(307)
                self.send_header("Location", "http://203.0.113.9/v1/embeddings")
                self.end_headers()
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            for first in range(0, len(body), 200):
                self.wfile.write(body[first : first + 200])
                if told.behaviour == "drip":
                    time.sleep(0.15)

        def log_message(self, *args: object) -> None:
            """Not on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
