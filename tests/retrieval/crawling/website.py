"""A site of this machine: a real HTTP server whose pages a test writes, and which remembers what it was asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@dataclass
class Answer:
    """What the server says at one path; `body` may be endless."""

    body: bytes | Iterator[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/html; charset=utf-8"})


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    at: float


@dataclass
class Website:
    url: str
    answers: dict[str, Answer | Callable[[dict[str, str]], Answer]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def page(self, path: str, text: str, *links: str, head: str = "", **headers: str) -> None:
        """A page with enough words of its own, and links in its menu."""
        menu = "".join(f'<a href="{link}">{link}</a> ' for link in links)
        body = f"<p>{text} Esta frase está aqui para que a página tenha o tamanho de uma página de verdade.</p>"
        title = f"<head><title>{text[:30]}</title>{head}</head>"
        html = f"<html>{title}<body><nav>{menu}</nav><h1>{text[:30]}</h1>{body}</body></html>"
        self.answers[path] = Answer(html.encode(), headers={"Content-Type": "text/html; charset=utf-8"} | headers)

    def says(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> None:
        """Header names with `_` for `-`."""
        self.answers[path] = Answer(body, status, {name.replace("_", "-"): value for name, value in headers.items()})

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


@contextmanager
def running_website() -> Iterator[Website]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            site.asked.append(Asked(self.path, headers, time.monotonic()))
            answer = site.answers.get(self.path, Answer(b"", 404))
            answer = answer(headers) if callable(answer) else answer
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                for piece in [answer.body] if isinstance(answer.body, bytes) else answer.body:
                    self.wfile.write(piece)
            except OSError:
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Website(f"http://localhost:{server.server_address[1]}")
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
