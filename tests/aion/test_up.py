"""`manage.py up` as a new user meets it, with every real part but the model."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.aion.installation import (
    BASE_DIR,
    PATIENCE_S,
    Installation,
    environment_of,
    processes_of,
    wait_until_gone,
)
from tests.ports import free_port

pytestmark = pytest.mark.timeout(3 * PATIENCE_S)


@pytest.fixture
def var() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="aion-up-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def start(var: Path, port: int) -> Installation:
    (var / "demo-documents").write_text("done")  # reading them is tested on its own
    return Installation(var, [sys.executable, "manage.py", "up"], environment_of(var, AION_PORT=str(port)))


def sign_in(port: int, password: str) -> bool:
    """Whether the panel's own form lets `admin` in."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", "/admin/login/")
    page = connection.getresponse()
    cookie = SimpleCookie(page.headers["Set-Cookie"])["csrftoken"]
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token
    body = urlencode({"username": "admin", "password": password, "csrfmiddlewaretoken": token[1], "next": "/admin/"})
    headers = {"Cookie": f"csrftoken={cookie.value}", "Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/admin/login/", body, headers)
    answer = connection.getresponse()
    connection.close()
    return answer.status == 302


def test_a_first_start_a_killed_web_server_and_a_second_start(var: Path) -> None:
    port = free_port()
    first = start(var, port)
    try:
        password = first.wait_for("senha").split("senha ")[1].split()[0]
        first.wait_for(f"http://127.0.0.1:{port}/admin/")
        assert first.child("gunicorn").create_time() < first.child("postgres").create_time()  # it had its head start
        assert sign_in(port, password)
        assert not sign_in(port, "another")
        first.child("gunicorn").kill()
        first.wait_for("web está funcionando de novo")
        assert first.end(signal.SIGTERM) == 0
        wait_until_gone(processes_of(var))
    finally:
        first.process.kill()

    second = start(var, port)
    try:
        second.wait_for(f"http://127.0.0.1:{port}/admin/")
        assert "senha " + password not in "".join(second.said)
        assert sign_in(port, password)
        assert second.end(signal.SIGINT) == 0
    finally:
        second.process.kill()


def test_a_taken_port_is_named_before_anything_starts(var: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = subprocess.run(
            [sys.executable, "manage.py", "up"],
            cwd=BASE_DIR,
            env=environment_of(var, AION_PORT=str(taken.getsockname()[1])),
            capture_output=True,
            text=True,
        )
    assert result.returncode == 1
    assert "AION_PORT" in result.stderr
    assert not (var / "postgres").exists()
