"""How gunicorn is told to serve."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import NoReturn

import pytest

from aion import gunicorn_conf


def fill(connection: socket.socket) -> NoReturn:
    """Send until the buffers between the two are full, however large."""
    while True:
        connection.sendall(b"x" * 1_000_000)


def test_a_client_that_stalls_loses_its_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gunicorn_conf, "STALLED_AFTER_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gunicorn_conf.when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listener)]))
        with socket.create_connection(listener.getsockname()) as client:
            connection, _address = listener.accept()
            with connection:
                connection.setblocking(True)  # as gunicorn does
                client.sendall(b"GET / HTTP/1.1")
                assert connection.recv(100) == b"GET / HTTP/1.1"
                with pytest.raises(BlockingIOError):
                    connection.recv(100)
                with pytest.raises(BlockingIOError):
                    fill(connection)
