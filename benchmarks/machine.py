"""When, where and how a figure was measured."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from benchmarks.options import Options

_USEFUL_FLAGS = ("avx512_bf16", "avx512_vnni", "amx_bf16")


def describe_run(name: str, options: Options) -> dict[str, object]:
    """What all lines of one run of benchmark `name` have in common."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "load_at_start": round(os.getloadavg()[0], 2),
        "command": options.command(name),
    }


def describe_machine() -> str:
    """Processor, cores, memory, Python and torch, in a line."""
    memory_gib = psutil.virtual_memory().total / 2**30
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    python = f"Python {platform.python_version()}, torch {version('torch')}"
    return f"{_processor()}, {cores} cores, {memory_gib:.0f} GiB, {python}"


def _processor() -> str:
    """The name Linux gives it and the instructions that matter to small models; elsewhere what Python knows."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    pairs = (line.partition(":") for line in lines)
    facts = {name.strip(): value.strip() for name, _colon, value in pairs}
    useful = [flag for flag in _USEFUL_FLAGS if flag in facts.get("flags", "").split()]
    name = facts.get("model name") or platform.machine()
    return f"{name} ({', '.join(useful)})" if useful else name
