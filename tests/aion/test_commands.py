"""Commands beside the supervisor: they use its services, or have some of their own until they end."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from aion.runtime import addresses_file
from tests.aion.installation import (
    BASE_DIR,
    PATIENCE_S,
    environment_of,
    processes_of,
    tiny_installation,
    wait_until_gone,
)

pytestmark = pytest.mark.timeout(2 * PATIENCE_S)
COUNT_USERS = "from django.contrib.auth.models import User; print('users:', User.objects.count())"


@pytest.fixture
def var() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aion-command-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def start(var: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=BASE_DIR,
        env=environment_of(var),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(var: Path, *arguments: str) -> str:
    """What a command prints; it must succeed."""
    process = start(var, *arguments)
    output, errors = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, errors
    return output


def test_a_command_alone_has_a_database_of_its_own_until_it_ends(var: Path) -> None:
    assert "users: 0" in run(var, "shell", "--no-imports", "-c", COUNT_USERS)
    wait_until_gone(processes_of(var))
    assert not addresses_file(var).exists()


def test_addresses_of_a_killed_supervisor_do_not_mislead(var: Path) -> None:
    addresses_file(var).parent.mkdir()
    addresses_file(var).write_text("DATABASE_URL=postgres://aion@/aion?host=/nowhere\nREDIS_URL=unix:///nowhere\n")
    assert "users: 0" in run(var, "shell", "--no-imports", "-c", COUNT_USERS)


def test_a_command_beside_the_supervisor_uses_its_database(var: Path) -> None:
    with tiny_installation(var) as installation:
        installation.wait_for("READY")
        before = {process.pid for process in processes_of(var)}
        run(
            var,
            "shell",
            "--no-imports",
            "-c",
            "from django.db import connection as c; c.cursor().execute('CREATE TABLE seen ()')",
        )
        assert {process.pid for process in processes_of(var)} == before
        with psycopg.connect(installation.addresses()["DATABASE_URL"]) as connection:
            connection.execute("SELECT FROM seen")


def test_two_commands_at_once_share_one_database(var: Path) -> None:
    both = [start(var, "shell", "--no-imports", "-c", COUNT_USERS) for _ in range(2)]
    assert ["users: 0" in process.communicate(timeout=PATIENCE_S)[0] for process in both] == [True, True]
    wait_until_gone(processes_of(var))


@pytest.mark.parametrize("arguments", [["check"], ["help"], ["migrate", "--help"], ["makemessages", "--help"]])
def test_a_command_that_needs_no_database_starts_none(var: Path, arguments: list[str]) -> None:
    run(var, *arguments)
    assert not (var / "postgres").exists()
