"""All benchmarks in turn, each in a process of its own; their lines are kept, and the page is made of them."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TextIO

from benchmarks.lines import skipped
from benchmarks.machine import describe_run
from benchmarks.options import BENCHMARKS, Options
from benchmarks.page import write_page


def run_all(options: Options) -> int:
    """0 where every benchmark came to its end, else 1; the page says which failed, and the others run all the same."""
    options.results.parent.mkdir(parents=True, exist_ok=True)
    with options.results.open("a", encoding="utf-8") as results:
        worst = max(_run(name, options, results) for name in BENCHMARKS)
    write_page(options.results, options.page)
    return worst


def _run(name: str, options: Options, results: TextIO) -> int:
    """Append the lines of one benchmark to `results`, and say what it took."""
    started = time.monotonic()
    with subprocess.Popen(_command(name, options), stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout
        for line in process.stdout:
            results.write(line)
            results.flush()
    if process.returncode:
        failed = skipped("all", f"it failed with exit status {process.returncode}")
        results.write(failed.to_json(name, describe_run(name, options)) + "\n")
    print(f"bench-{name}: {time.monotonic() - started:.0f} s, exit {process.returncode}", file=sys.stderr)
    return int(process.returncode != 0)


def _command(name: str, options: Options) -> list[str]:
    command = [sys.executable, "-m", "benchmarks", name]
    command += ["--adapter", str(options.adapter), "--llama", str(options.llama)]
    command += ["--data", str(options.data)] if options.data else []
    return command + (["--limit", str(options.limit)] if options.limit else [])
