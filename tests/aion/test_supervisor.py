"""The supervisor on a real PostgreSQL and Redis: what dies is started again, what is stopped is gone, data stays."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from aion.exceptions import CannotStart
from aion.runtime import addresses_file
from aion.supervisor import require_free_port, require_space
from tests.aion.installation import PATIENCE_S, Installation, processes_of, tiny_installation, wait_until_gone

pytestmark = pytest.mark.timeout(2 * PATIENCE_S)


@pytest.fixture
def var() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aion-up-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def works(installation: Installation) -> bool:
    """Whether database and queue answer under the published addresses."""
    addresses = installation.addresses()
    try:
        with psycopg.connect(addresses["DATABASE_URL"]) as connection:
            connection.execute("SELECT 1")
        with redis.Redis.from_url(addresses["REDIS_URL"]) as queue:
            return bool(queue.ping())
    except (psycopg.OperationalError, redis.RedisError):
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything(var: Path, number: signal.Signals) -> None:
    with tiny_installation(var) as installation:
        installation.wait_for("READY")
        assert works(installation)
        running = processes_of(var)
        assert installation.end(number) == 0
    wait_until_gone(running)
    assert not addresses_file(var).exists()


def test_the_second_start_keeps_the_data(var: Path) -> None:
    with tiny_installation(var) as first:
        first.wait_for("READY")
        with psycopg.connect(first.addresses()["DATABASE_URL"]) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 'sim' AS value")
        with redis.Redis.from_url(first.addresses()["REDIS_URL"]) as queue:
            queue.set("kept", "sim")
    with tiny_installation(var) as second:
        second.wait_for("READY")
        with psycopg.connect(second.addresses()["DATABASE_URL"]) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == ("sim",)
        with redis.Redis.from_url(second.addresses()["REDIS_URL"]) as queue:
            assert queue.get("kept") == b"sim"


@pytest.mark.parametrize("name", ["the-web", "postgres", "redis"])
def test_a_killed_child_is_started_again(var: Path, name: str) -> None:
    with tiny_installation(var) as installation:
        installation.wait_for("READY")
        killed = installation.child(name)
        killed.kill()
        installation.wait_for("-9")
        installation.wait_for(f"{name.removeprefix('the-')} está funcionando de novo")  # logs name themselves, too
        assert installation.child(name).pid != killed.pid
        assert works(installation)


def test_a_start_after_a_killed_supervisor_finds_a_clean_house(var: Path) -> None:
    with tiny_installation(var) as killed:
        killed.wait_for("READY")
        left_behind = processes_of(var)
        killed.end(signal.SIGKILL)
        with tiny_installation(var) as next_one:
            next_one.wait_for("READY")
            assert works(next_one)
            wait_until_gone(left_behind)


def test_a_start_ends_a_server_that_outlived_its_supervisor(var: Path) -> None:
    with tiny_installation(var) as killed:
        killed.wait_for("READY")
        database = killed.child("postgres")
        database.suspend()  # it can't obey the signal that its parent's death sends
        killed.end(signal.SIGKILL)
        with tiny_installation(var) as next_one:
            next_one.wait_for("…")
            database.resume()
            next_one.wait_for("READY")
            assert works(next_one)
        wait_until_gone([database])


def test_a_pid_file_whose_number_belongs_to_another_process_does_no_harm(var: Path) -> None:
    with tiny_installation(var) as first:
        first.wait_for("READY")
    pid_file = var / "postgres" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{var / 'postgres'}\n{int(time.time())}\n5432\n\n\n\nready\n")
    with tiny_installation(var) as second:
        second.wait_for("READY")
        assert works(second)


def test_a_cluster_that_was_half_made_is_made_again(var: Path) -> None:
    half = var / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    with tiny_installation(var) as installation:
        installation.wait_for("READY")
        assert works(installation)
    assert not half.exists()


def test_a_second_supervisor_says_who_runs_and_starts_nothing(var: Path) -> None:
    with tiny_installation(var) as first:
        first.wait_for("READY")
        running = {process.pid for process in processes_of(var)}
        with tiny_installation(var) as second:
            assert "manage.py up" in second.wait_for("REFUSED")
            assert second.process.wait(timeout=PATIENCE_S) == 1
        assert {process.pid for process in processes_of(var)} == running
        assert works(first)


def test_sockets_move_where_their_path_would_be_too_long(var: Path) -> None:
    deep = var / ("profundo" * 6) / ("pasta com espaço" * 3)
    deep.mkdir(parents=True)
    with tiny_installation(deep) as installation:
        installation.wait_for("READY")
        assert works(installation)


def test_a_taken_port_is_named_with_the_variable_that_moves_aion() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(CannotStart, match="AION_PORT"):
        require_free_port("127.0.0.1", taken.getsockname()[1])


def test_a_full_disk_is_named_before_anything_starts(var: Path) -> None:
    with pytest.raises(CannotStart, match="AION_VAR_DIR"):
        require_space(var, minimum_bytes=1 << 60)
