"""Clients that write or read slowly, at the worker that AION is served by, with few threads and little patience."""

from __future__ import annotations

import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.glogging import Logger

from aion import gunicorn_worker
from aion.gunicorn_worker import PatientWorker

HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"
WHOLE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
HALVES = {
    "nothing": b"",
    "head": HEAD + b"X-A: ",
    "body": HEAD + b"Content-Length: 500\r\n\r\n{",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n500\r\n\r\n\r\n",
    "expectant": HEAD + b"Expect: 100-continue\r\nContent-Length: 500\r\n\r\n",
    "pipelined": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + HEAD,
}
MEGABYTES = 20_000_000

App = Callable[[dict[str, Any], Any], Any]
Connect = Callable[..., socket.socket]


def echo(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["REQUEST_METHOD"].encode(), environ["wsgi.input"].read()]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[App], Connect]]:
    """Serves an application by one thread; gives what connects to it."""
    monkeypatch.setattr(gunicorn_worker, "PATIENCE_S", 0.5)
    monkeypatch.setattr(gunicorn_worker, "_SWEEP_S", 0.05)
    with ExitStack() as opened:

        def start(app: App) -> Connect:
            listener = opened.enter_context(socket.create_server(("127.0.0.1", 0), backlog=500))
            config = Config()
            for name, value in {"threads": 1, "graceful_timeout": 1, "sendfile": False}.items():
                config.set(name, value)
            worker = PatientWorker(0, os.getppid(), [listener], None, 30, config, Logger(config))
            worker.wsgi = app
            worker.tpool, worker.poller = worker.get_thread_pool(), selectors.DefaultSelector()
            worker.method_queue.init()
            thread = threading.Thread(target=worker.run)
            thread.start()
            opened.callback(thread.join)
            opened.callback(worker.handle_exit, 0, None)

            def connect(sent: bytes = b"", source: str = "127.0.0.1") -> socket.socket:
                client = socket.create_connection(listener.getsockname(), 10, (source, 0))
                opened.enter_context(client).sendall(sent)
                return client

            return connect

        yield start


def all_of(client: socket.socket) -> bytes:
    """Until the other end closes."""
    return b"".join(iter(lambda: client.recv(65536), b""))


@pytest.mark.parametrize("half", HALVES)
def test_half_a_request_holds_no_thread(serve: Callable[[App], Connect], half: str) -> None:
    connect = serve(echo)
    for _ in range(100):
        connect(HALVES[half])
    assert all_of(connect(WHOLE)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("half", ["head", "body", "chunks"])
def test_one_that_drips_is_told_to_go(serve: Callable[[App], Connect], half: str) -> None:
    client = serve(echo)(HALVES[half])
    client.settimeout(0.1)
    found, until = b"", time.monotonic() + 10
    while not found and time.monotonic() < until:
        client.sendall(b"1")
        try:
            found = client.recv(100)
        except TimeoutError:
            continue
    assert found.startswith(b"HTTP/1.1 408")


def test_a_slow_line_is_waited_for_as_long_as_it_brings_something(
    serve: Callable[[App], Connect], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn_worker, "LEAST_BYTES_S", 1000)
    client = serve(echo)(HEAD + b"Connection: close\r\nContent-Length: 3000\r\n\r\n")
    for _ in range(10):  # for a second, twice the patience, at three times the least pace
        time.sleep(0.1)
        client.sendall(b"x" * 300)
    assert all_of(client).endswith(b"x" * 3000 + b"\r\n0\r\n\r\n")


def test_a_large_body_reaches_its_thread_while_it_comes(serve: Callable[[App], Connect]) -> None:
    begun = threading.Event()

    def upload(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        begun.set()
        return echo(environ, start_response)

    client = serve(upload)(HEAD + b"Expect: 100-continue\r\nConnection: close\r\n")
    client.sendall(f"Content-Length: {MEGABYTES}\r\n\r\n".encode())
    assert begun.wait(10)
    client.sendall(b"x" * MEGABYTES)
    answer = all_of(client)
    assert answer.startswith(b"HTTP/1.1 100 Continue")
    assert answer.count(b"x") == MEGABYTES


def test_a_large_body_that_stops_ends_for_its_application(serve: Callable[[App], Connect]) -> None:
    found: list[Exception] = []

    def upload(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            return echo(environ, start_response)
        except OSError as exc:
            found.append(exc)
            return []

    client = serve(upload)(HEAD + f"Content-Length: {MEGABYTES}\r\n\r\n".encode() + b"x" * 1000)
    all_of(client)
    assert [type(exc) for exc in found] == [BrokenPipeError]


def test_a_large_body_that_is_refused_is_not_waited_for(serve: Callable[[App], Connect]) -> None:
    def refuse(_environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("413 Too Large", [("Content-Length", "2")])
        return [b"no"]

    connect = serve(refuse)
    for _ in range(20):
        connect(HEAD + f"Content-Length: {MEGABYTES}\r\n\r\n".encode() + b"x" * 1000)
    began = time.monotonic()
    assert connect(WHOLE).recv(100).startswith(b"HTTP/1.1 413")
    assert time.monotonic() - began < 2  # gunicorn would wait so long for each of them


def test_who_reads_nothing_loses_its_thread(serve: Callable[[App], Connect], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_worker, "LEAST_BYTES_S", 1_000_000)

    def large(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"x" * MEGABYTES] if environ["REQUEST_METHOD"] == "POST" else [b"small"]

    connect = serve(large)
    connect(HEAD + b"\r\n")
    assert b"small" in all_of(connect(WHOLE))


def test_a_stream_may_pause_for_longer_than_a_client(serve: Callable[[App], Connect]) -> None:
    def thinking(_environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for word in (b"one", b"two"):
            yield word
            time.sleep(0.7)

    assert b"two" in all_of(serve(thinking)(WHOLE))


def test_requests_of_one_connection_are_answered_in_their_order(serve: Callable[[App], Connect]) -> None:
    put = b"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"
    answers = all_of(serve(echo)(HEAD + b"Content-Length: 2\r\n\r\n{}" + put + WHOLE))
    assert [answers.index(word) for word in (b"POST", b"{}", b"PUT", b"ab", b"GET")] == sorted(
        answers.index(word) for word in (b"POST", b"{}", b"PUT", b"ab", b"GET")
    )


def test_leave_to_send_a_body_is_given_once(serve: Callable[[App], Connect]) -> None:
    client = serve(echo)(HEAD + b"Expect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n")
    leave = client.recv(100)
    client.sendall(b"{}")
    assert (leave, all_of(client)[:12]) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200")


def test_where_there_is_no_room_the_costliest_address_loses_its_oldest(
    serve: Callable[[App], Connect], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gunicorn_worker, "PATIENCE_S", 30)
    monkeypatch.setattr(gunicorn_worker, "MOST_WAITING", 5)
    connect = serve(echo)
    other = connect(HEAD, source="127.0.0.2")
    many = [connect(HEAD) for _ in range(6)]
    assert [all_of(client) for client in many[:2]] == [b"", b""]
    for client in (other, many[-1]):
        client.sendall(b"Connection: close\r\n\r\n")
        assert b"POST" in all_of(client)


def test_bytes_take_room_too(serve: Callable[[App], Connect], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_worker, "PATIENCE_S", 30)
    monkeypatch.setattr(gunicorn_worker, "MOST_HELD_BYTES", 1_000_000)
    connect = serve(echo)
    half = HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * 800_000
    first, second = connect(half), connect(half)
    with suppress(ConnectionResetError):
        assert first.recv(100) == b""
    second.sendall(b"x" * 100_000)
    assert second.recv(100).startswith(b"HTTP/1.1 200")
