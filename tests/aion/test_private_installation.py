"""What every test stands on: a PostgreSQL and a Redis of its own run, and no network."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from pytest_socket import SocketConnectBlockedError


@pytest.mark.django_db
def test_the_database_knows_vectors_and_portuguese_letters() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lower('ÁGUA'), (SELECT count(*) FROM pg_available_extensions WHERE name = 'vector')")
        assert cursor.fetchone() == ("água", 1)


def test_the_cache_is_the_private_redis() -> None:
    cache.set("greeting", "olá")
    assert cache.get("greeting") == "olá"
    assert Path(settings.REDIS_URL.removeprefix("unix://")).is_socket()


@pytest.mark.filterwarnings("ignore:A test tried to use")
def test_the_network_is_out_of_reach() -> None:
    with pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=1)
