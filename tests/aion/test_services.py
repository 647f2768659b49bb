"""The embedded services: who they run as, where they may live, and what a full disk does to them."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from aion.exceptions import CannotStart
from aion.services import postgres
from aion.services.processes import Account, end_leftovers, open_log, processes_of, socket_folder

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="only root runs the database as somebody else")


@pytest.fixture
def var() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aion-services-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@needs_root
def test_as_root_the_database_runs_as_somebody_without_rights(var: Path) -> None:
    service = postgres.start(var, durable=False)
    try:
        assert psutil.Process(service.process.pid).uids().real != 0
    finally:
        service.stop()


@needs_root
def test_a_folder_that_the_database_cannot_enter_is_named_and_left_as_it_is(var: Path) -> None:
    private = var / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(CannotStart, match="private"):
        postgres.start(private / "var", durable=False)
    assert stat.S_IMODE(private.stat().st_mode) == 0o700


@needs_root
def test_a_cluster_keeps_the_owner_that_it_has(var: Path) -> None:
    os.chown(var, 65534, 65534)
    assert Account.for_folder(var).uid == 65534


@needs_root
def test_a_socket_folder_of_somebody_else_is_refused(var: Path) -> None:
    foreign = var / "run"
    foreign.mkdir()
    os.chown(foreign, 12345, 12345)
    with pytest.raises(CannotStart):
        socket_folder(foreign, Account.ourselves(), socket_name="redis.sock")


def test_a_socket_folder_that_is_a_link_is_refused(var: Path) -> None:
    (var / "run").symlink_to(tempfile.gettempdir())
    with pytest.raises(CannotStart):
        socket_folder(var / "run", Account.ourselves(), socket_name="redis.sock")


@pytest.fixture
def small_disk(var: Path) -> Iterator[Path]:
    disk = var / "disk"
    disk.mkdir(mode=0o755)
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=20m,mode=755", "tmpfs", disk], capture_output=True
    ).returncode:
        pytest.skip("mounting a small disk needs the right to mount")
    try:
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


def test_a_disk_that_is_full_leaves_no_half_cluster(small_disk: Path) -> None:
    with pytest.raises(CannotStart, match="No space left on device"):
        postgres.start(small_disk, durable=False)
    assert not (small_disk / "postgres").exists()
    assert not (small_disk / "postgres.new").exists()


def test_a_cluster_of_another_version_is_refused_and_kept(var: Path) -> None:
    (var / "postgres").mkdir()
    (var / "postgres" / "PG_VERSION").write_text("16\n")
    with pytest.raises(CannotStart, match="16"):
        postgres.start(var)
    assert (var / "postgres" / "PG_VERSION").read_text() == "16\n"


def test_after_a_crash_the_start_waits_until_the_database_answers(var: Path) -> None:
    crashed = postgres.start(var)
    with psycopg.connect(crashed.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 50000) AS n")
    crashed.process.kill()
    crashed.process.wait()
    recovered = postgres.start(var)
    try:
        with psycopg.connect(recovered.url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (50000,)
    finally:
        recovered.stop()


def test_what_ignores_a_polite_request_is_killed(var: Path) -> None:
    deaf = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()",
        ],
        cwd=var,
        stdout=subprocess.PIPE,
    )
    assert deaf.stdout
    deaf.stdout.readline()
    names = frozenset({psutil.Process(deaf.pid).name()})
    end_leftovers(lambda: processes_of(var, names), polite=signal.SIGTERM, patience_s=0.2)
    deaf.wait()
    assert not psutil.pid_exists(deaf.pid)


def test_a_process_that_merely_works_in_the_folder_is_left_alone(var: Path) -> None:
    bystander = subprocess.Popen(["sleep", "60"], cwd=var)
    try:
        end_leftovers(lambda: processes_of(var, frozenset({"postgres"})), polite=signal.SIGTERM)
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_a_long_log_is_put_aside(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aion.services.processes.LONG_LOG_BYTES", 10)
    log = var / "web.log"
    log.write_text("a line of an earlier start\n")
    with open_log(log) as file:
        file.write(b"new\n")
    assert log.read_text() == "new\n"
    assert "earlier" in log.with_suffix(".old").read_text()


def test_what_cannot_be_ended_is_named() -> None:
    found = iter([[], [psutil.Process()]])
    with pytest.raises(CannotStart, match=str(os.getpid())):
        end_leftovers(lambda: next(found), polite=signal.SIGTERM)
