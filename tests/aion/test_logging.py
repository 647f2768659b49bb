"""What the web server's log tells of a failure that nobody expected."""

from __future__ import annotations

import os
import subprocess
import sys

FAILING_VIEW = """
import django
django.setup()
from django.test import Client
from aion import health
def broken(): raise ZeroDivisionError("nobody expected this")
health.engine_status = broken
health._outcome = lambda future: health.Check(ok=False)
client = Client(raise_request_exception=False)
for path, host in (("/health", "testserver"), ("/ready", "testserver"), ("/health", "evil.example")):
    print(client.get(path, headers={"host": host}).status_code)
"""


def test_a_view_that_fails_leaves_its_traceback_and_what_callers_cause_leaves_nothing() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", FAILING_VIEW],
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "aion.settings", "AION_ALLOWED_HOSTS": "testserver"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert ran.stdout.split() == ["500", "503", "400"]
    assert "Traceback (most recent call last)" in ran.stderr
    assert "ZeroDivisionError: nobody expected this" in ran.stderr
    assert ran.stderr.count("[ERROR]") == 1
