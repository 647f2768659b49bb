"""What does not need the model does not load its libraries: they take seconds and hundreds of megabytes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings

HEAVY = "torch transformers peft trl datasets bitsandbytes accelerate sklearn openai"
REPORT = f"import sys; print('heavy:', sorted(set({HEAVY.split()!r}) & set(sys.modules)))"
SET_UP = "import django; django.setup(); from django.core.management import call_command as call;"


@pytest.mark.parametrize(
    "work",
    [
        f"{SET_UP} call('check')",
        f"{SET_UP} call('migrate', verbosity=0)",
        f"{SET_UP} from aion.celery import app; app.loader.import_default_modules(); app.finalize()",
        f"{SET_UP} import aion.supervisor, aion.management.commands.up, aion.management.commands.prepare",
        f"{SET_UP} import aion.wsgi, aion.urls",
    ],
    ids=["check", "migrate", "worker and beat", "supervisor", "web before its worker starts"],
)
def test_the_models_libraries_are_not_imported(work: str) -> None:
    result = subprocess.run(
        [sys.executable, "-c", f"{work}\n{REPORT}"],
        cwd=settings.BASE_DIR,
        env=os.environ,
        capture_output=True,
        text=True,
    )
    assert result.stdout.splitlines()[-1:] == ["heavy: []"], result.stderr
