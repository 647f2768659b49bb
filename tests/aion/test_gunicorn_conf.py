"""How gunicorn is told to serve."""

from __future__ import annotations

import socket
from types import SimpleNamespace

import pytest

from aion import gunicorn_conf


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
                    connection.sendall(b"x" * 50_000_000)
