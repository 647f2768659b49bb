"""A mail server and a webhook's receiver on loopback, each of which does as it is told."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Receiver:
    """`behaviour` is what it does; what it was sent, in order."""

    url: str
    behaviour: str = "take"
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """An HTTP server until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.requests.append(({name.lower(): value for name, value in self.headers.items()}, body))
            if told.behaviour == "silent":
                time.sleep(2)
                return
            statuses = {"take": 204, "fail": 500, "gone": 410, "redirect": 307}
            self.send_response(statuses[told.behaviour])
            if told.behaviour == "redirect":
                self.send_header("Location", f"{told.url}elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Not on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    told = Receiver(f"http://127.0.0.1:{server.server_port}/")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Mailbox:
    """`refuse` is what the server says to every recipient, where it takes none."""

    port: int
    refuse: str = ""
    messages: list[EmailMessage] = field(default_factory=list)


@contextmanager
def mail_server() -> Iterator[Mailbox]:
    """As much of SMTP (RFC 5321) as a client needs that sends without TLS and without a password."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 caixa de correio")
            while line := self.rfile.readline():
                verb = line.decode().split(maxsplit=1)[0].upper() if line.strip() else ""
                if verb == "QUIT":
                    self._say("221 tchau")
                    return
                if verb == "RCPT" and box.refuse:
                    self._say(box.refuse)
                elif verb == "DATA":
                    self._say("354 pode mandar")
                    box.messages.append(message_from_bytes(self._data(), policy=policy.default))
                    self._say("250 recebido")
                else:
                    self._say("250 ok")

        def _say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def _data(self) -> bytes:
            lines = []
            while (line := self.rfile.readline()) not in (b".\r\n", b""):
                lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
            return b"".join(lines)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    box = Mailbox(server.server_address[1])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield box
    finally:
        server.shutdown()
        server.server_close()
