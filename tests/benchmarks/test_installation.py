"""The installation of a benchmark's own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = """
from benchmarks.installation import private_installation
with private_installation():
    from django.conf import settings
    from retrieval.models import Document
    print(settings.VAR_DIR, settings.AION_TAU_CONFIDENCE, Document.objects.count(), flush=True)
    {then}
"""

ASK_AND_START_A_COMMAND = """
    import subprocess, sys
    from aion.services.redis import answers
    from benchmarks.installation import private_broker
    with private_broker():
        subprocess.run([sys.executable, "manage.py", "adapters", "list"], check=True)
        print(answers(settings.REDIS_URL))
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """For temporary files; not pytest's own, which PostgreSQL could not enter where root runs the tests."""
    with tempfile.TemporaryDirectory(prefix="aion-tests-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def run(folder: Path, *, then: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(then=then)],
        env=os.environ | {"TMPDIR": str(folder), "AION_TAU_CONFIDENCE": "0.1", "AION_ENGINE": "none"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_lies_in_a_folder_of_its_own_untinted_by_the_owners_settings_and_leaves_nothing(folder):
    ended = run(folder, then="pass")

    assert ended.returncode == 0, ended.stderr
    var, tau, documents = ended.stdout.split()
    assert var.startswith(str(folder))
    assert (tau, documents) == ("0.62", "0")
    assert not list(folder.glob("aion-bench-*"))


def test_it_goes_when_the_benchmark_fails(folder):
    ended = run(folder, then="raise SystemExit(3)")

    assert ended.returncode == 3
    assert not list(folder.glob("aion-bench-*"))


def test_commands_started_from_it_use_its_broker_and_leave_it_running(folder):
    ended = run(folder, then=ASK_AND_START_A_COMMAND)

    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.split()[-1] == "True"
