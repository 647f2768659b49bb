"""How long a million events take to become a dataset, in what memory, and what of it survives a kill.

A month of events as AION writes them: for each question its retrieval and its answer, now and then a fallback, an
opinion, a change of settings; so some 470,000 answers, with the demo's questions and sentences, their figures varied,
and planted identifiers in some. `manage.py export_dataset` writes dataset and rolling file. The floor reads and writes
the same rows and masks none. Then exports of a smaller month are killed with -9 at random moments; a fault is a folder
that can be seen and is not whole, a wrong next run, a process left behind, or a row that says that it runs. The bar is
300 s and 400 MB for a million events on two cores; `cpu_s` is what they took of both, however busy the machine was."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from benchmarks.event_month import Month, fill
from benchmarks.lines import Line, beside
from benchmarks.options import BASE_DIR, Options
from benchmarks.planted_identifiers import leaked
from telemetry.dataset import read_answers
from telemetry.export_jobs import settle_interrupted
from telemetry.models import DatasetExport

EVENTS, KILLS, SEED = 1_000_000, 20, 2026
BAR_S, BAR_MB = 300.0, 400.0
EVENTS_OF_THE_KILLED, THEIR_TENANT = 40_000, "killed"
LOOK_EVERY_S = 0.2


@dataclass(frozen=True)
class Run:
    """One `export_dataset`: its time, the most memory of all its processes together, and what it printed."""

    seconds: float
    peak_mb: float
    status: int
    printed: Mapping[str, Any]
    cpu_s: float = 0.0


def measure(options: Options) -> Iterator[Line]:
    """Time, memory and rate of the whole month; leaks in it; then the kills."""
    events = options.limit or EVENTS
    began = time.monotonic()
    month = fill(settings.PRIMARY_TENANT_ID, events, SEED)
    conditions = {"n": month.answers, "events": events, "filled_in_s": round(time.monotonic() - began)}
    floor_s = _floor(month)
    run = _export(month)
    rows = run.printed["manifest"]["rows"]
    bars = {"the bar": BAR_S} if events == EVENTS else {}
    yield from beside("month", "export_s", run.seconds, {"without masking": floor_s} | bars, **conditions)
    yield Line("month", "cpu_s", run.cpu_s, conditions=conditions)
    yield from beside("month", "rows_per_s", rows / run.seconds, {}, rows=rows, **conditions)
    yield from beside("month", "peak_mb", run.peak_mb, {"the bar": BAR_MB}, **conditions)
    folder = Path(run.printed["path"])
    files = [*folder.iterdir(), settings.AION_EVENTS_JSONL]
    leaks = sum(_leaks(file, month) for file in files)
    yield Line("month", "leaked", leaks / len(month.planted), conditions={"n": len(month.planted), "files": len(files)})
    quarantined = run.printed["manifest"]["excluded"].get("personal_data_left", {"rows": 0})["rows"]
    yield Line("month", "quarantined", quarantined / month.answers, conditions=conditions)
    yield from _kills(fill(THEIR_TENANT, min(events, EVENTS_OF_THE_KILLED), SEED + 1))


def _floor(month: Month) -> float:
    """Seconds to read what an export reads and to write it as it is."""
    began = time.monotonic()
    aside = settings.AION_TRAIN_ROOT / "floor.jsonl"
    aside.parent.mkdir(parents=True, exist_ok=True)
    now = timezone.now()
    pages = read_answers(month.tenant, now - timedelta(days=31), now, include_provider=False)
    with aside.open("w", encoding="utf-8") as file:
        for page in pages:
            for answer in page:
                if not answer.why_not:
                    line = {"id": str(answer.id), "prompt": answer.prompt, "reply": answer.reply, "meta": answer.meta}
                    file.write(json.dumps(line, ensure_ascii=False) + "\n")
    aside.unlink()
    return time.monotonic() - began


def _export(month: Month, *, kill_after_s: float | None = None) -> Run:
    """Run the command to its end, or kill it."""
    command = [sys.executable, str(BASE_DIR / "manage.py"), "export_dataset", "--json"]
    environment = os.environ | {"PRIMARY_TENANT_ID": month.tenant}
    began, peak, worked = time.monotonic(), 0.0, _worked_s()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        while process.poll() is None:
            family = _family(process.pid)
            peak = max(peak, sum(map(_resident_mb, family)))
            if kill_after_s is not None and time.monotonic() - began > kill_after_s:
                process.send_signal(signal.SIGKILL)
                process.wait()
                time.sleep(1)  # for its pipes to end, and with them the processes that mask
                return Run(time.monotonic() - began, peak, -9, {"left": [pid for pid in family if _lives(pid)]})
            time.sleep(LOOK_EVERY_S)
        seconds = time.monotonic() - began
        assert process.stdout
        printed = json.loads(process.stdout.read() or "{}")
    return Run(seconds, peak, process.returncode, printed, _worked_s() - worked)


def _worked_s() -> float:
    """Processor time of all processes that this one started and that ended, and of those they started."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime


def _kills(month: Month) -> Iterator[Line]:
    """Faults after each of the kills, and of the run after the last."""
    whole = _export(month)
    expected = _digest(Path(whole.printed["path"]))
    rng = random.Random(SEED)
    faults = {"seen_in_part": 0, "left_behind": 0, "said_to_run": 0, "wrong_after": 0}
    killed = 0
    for _number in range(KILLS):
        run = _export(month, kill_after_s=rng.uniform(0.1, whole.seconds))
        killed += run.status == -9
        faults["seen_in_part"] += sum(not _is_whole(folder) for folder in _visible())
        faults["left_behind"] += len(run.printed.get("left", ()))
        settle_interrupted(month.tenant)
        faults["said_to_run"] += DatasetExport.objects.filter(state=DatasetExport.State.RUNNING).count()
    after = _export(month)
    faults["wrong_after"] += _digest(Path(after.printed["path"])) != expected
    faults["left_behind"] += len(list((settings.AION_TRAIN_ROOT / "datasets").glob(".aion-partial-*")))
    for name, count in faults.items():
        yield Line(
            "killed with -9", f"{name}_faults", count, conditions={"n": killed, "run_s": round(whole.seconds, 1)}
        )


def _visible() -> Iterator[Path]:
    folder: Path = settings.AION_TRAIN_ROOT / "datasets"
    return (path for path in folder.iterdir() if not path.name.startswith("."))


def _is_whole(folder: Path) -> bool:
    """Whether every file is there as its manifest says."""
    if not (folder / "manifest.json").exists():
        return False
    files = json.loads((folder / "manifest.json").read_text())["files"]
    return all(_sha256(folder / file["name"]) == file["sha256"] for file in files)


def _digest(folder: Path) -> str:
    return _sha256(folder / "data.jsonl")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _leaks(path: Path, month: Month) -> int:
    """How many planted identifiers can be read in the rows that they were planted in."""
    found = 0
    with path.open(encoding="utf-8") as file:
        for line in file:
            told = re.search(r'"id": "([0-9a-f-]{36})"', line)
            prompt = month.planted.get(told[1]) if told else None
            found += len(list(leaked(prompt, line))) if prompt else 0
    return found


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    try:
        children = Path(f"/proc/{pid}/task").glob("*/children")
        started = [int(child) for file in children for child in file.read_text().split()]
    except OSError:
        started = []
    return [pid, *(other for child in started for other in _family(child))]


def _resident_mb(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * resource.getpagesize() / 2**20


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[-1].split()[0] != "Z"
    except OSError:
        return False
