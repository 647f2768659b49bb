"""The web server's head start: it waits for its environment, becomes what it is for, and spares what nobody needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.aion.installation import BASE_DIR, PATIENCE_S, environment_of


@pytest.fixture
def waiting(tmp_path: Path) -> subprocess.Popen[str]:
    """A head start that becomes a module which prints its arguments and an address."""
    (tmp_path / "teller.py").write_text("import os, sys; print(sys.argv[1:], os.environ.get('DATABASE_URL'))")
    return subprocess.Popen(
        [sys.executable, "-m", "aion.head_start", "teller", "--loud"],
        cwd=BASE_DIR,
        env=environment_of(tmp_path, PYTHONPATH=f"{BASE_DIR}:{tmp_path}"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_it_becomes_the_module_in_the_environment_that_it_is_given(waiting: subprocess.Popen[str]) -> None:
    said, _errors = waiting.communicate('{"DATABASE_URL": "postgres://there"}\n', timeout=PATIENCE_S)
    assert said == "['--loud'] postgres://there\n"
    assert waiting.returncode == 0


def test_it_ends_where_nobody_lets_it_go(waiting: subprocess.Popen[str]) -> None:
    said, _errors = waiting.communicate("", timeout=PATIENCE_S)
    assert (said, waiting.returncode) == ("", 0)


def test_what_transformers_would_import_in_vain_is_spared_and_can_be_had_afterwards() -> None:
    program = (
        "import sys; from inference.libraries import import_ahead; import_ahead('');"
        "heavy = {'transformers', 'torch', 'scipy', 'sklearn', 'bitsandbytes', 'peft'};"
        "print(*sorted(heavy & set(sys.modules))); import sklearn.linear_model; print('and', 'scipy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=BASE_DIR, capture_output=True, text=True)
    assert done.stdout.splitlines()[-2:] == ["peft torch transformers", "and True"], done.stderr
