"""Bodies as they come over the wire: in chunks, in halves, and ones that stop."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.http.served import Server

HALVES = {
    "head": "X-A: ",
    "body": "Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n{",
    "chunks": "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n{",
}


def in_chunks(server: Server, address: str, *chunks: bytes) -> tuple[int, Any]:
    """Status and JSON of a POST whose body comes in chunks."""
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(server.url + address, data=iter(chunks), headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_a_body_in_chunks_is_read_like_any_other(server: Server) -> None:
    status, body = in_chunks(server, "/adapter/reload", b'{"adap', b'ter": 999', b"999}")
    assert (status, body["ok"]) == (200, False)  # there is none; without a body the usual one would be loaded
    assert in_chunks(server, "/v1/embeddings", b'{"model": "aion", ', b'"input": "gato"}')[0] == 200


def test_a_body_in_chunks_has_the_limits_of_any_other(server: Server) -> None:
    chunks = [b'{"message": "', *[b"a" * 100_000] * 30, b'"}']
    status, body = in_chunks(server, "/api/ai/chat", *chunks)
    assert (status, body["error"]["code"]) == (413, "payload_too_large")


@pytest.fixture
def crowd() -> Iterator[ExitStack]:
    with ExitStack() as connections:
        yield connections


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("known", [True, False])
def test_three_hundred_half_requests_stop_nobody(server: Server, crowd: ExitStack, half: str, known: bool) -> None:
    key = f"Authorization: Bearer {server.key}\r\n" if known else ""
    start = f"POST /api/ai/chat HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}{HALVES[half]}".encode()
    for _ in range(300):
        connection = crowd.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
        connection.sendall(start)
    began = time.monotonic()
    with urllib.request.urlopen(f"{server.url}/health", timeout=30) as response:
        assert response.status == 200
    assert time.monotonic() - began < 3
    assert in_chunks(server, "/v1/embeddings", b'{"model": "aion", "input": "gato"}')[0] == 200


@pytest.mark.django_db
def test_an_upload_that_stops_is_no_forgery(client: Client, manager: User) -> None:
    class Stopping(BytesIO):
        def read(self, *size: Any) -> bytes:
            raise BrokenPipeError

    client = Client(enforce_csrf_checks=True)
    client.force_login(manager)
    stopped: dict[str, Any] = {"wsgi.input": Stopping()}
    file = SimpleUploadedFile("a.bin", b"a" * 3_000_000)
    assert client.post("/admin/", {"file": file}, **stopped).status_code == 400
    assert client.post("/admin/", {"file": file}).status_code == 403
