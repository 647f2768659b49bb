"""An examination in a process of its own: it holds a second model, and may be killed without taking anybody along."""

from __future__ import annotations

import json
import subprocess
import sys
from uuid import UUID

from django.conf import settings

from inference import examinations
from inference.exceptions import ExaminationRefused
from inference.models import Examination

NICE = ("nice", "-n", "15")  # chat goes before


def examine(candidate_id: int, *, night_id: UUID | None = None) -> Examination:
    """Compare the adapter with who serves, and wait for the verdict. Raises `ExaminationRefused` where there is none;
    asking again goes on from there."""
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "examine", str(candidate_id), "--json"]
    command += ["--night", str(night_id)] if night_id else []
    ended = subprocess.run([*NICE, *command], capture_output=True, text=True, cwd=settings.BASE_DIR, check=False)
    examinations.tell_interrupted()
    if ended.returncode:
        last = ended.stderr.strip().splitlines()[-1:] or [f"exit status {ended.returncode}"]
        raise ExaminationRefused(last[0])
    return Examination.objects.get(pk=json.loads(ended.stdout)["examination"])
