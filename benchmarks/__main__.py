"""`python -m benchmarks [NAME]`: one prints its lines; without a name all run in turn and the page is made of them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TextIO

from benchmarks.installation import private_installation
from benchmarks.machine import describe_run
from benchmarks.options import DURABLE, Options, parse
from benchmarks.suite import run_all


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit(143))  # unwinds like Ctrl-C, so that nothing stays behind
    options = parse()
    return run_one(options) if options.name else run_all(options)


def run_one(options: Options) -> int:
    """Measure in an installation of its own; lines go to stdout as they come."""
    run = describe_run(options.name, options)
    with stdout_for_lines() as lines, private_installation(durable=options.name in DURABLE):
        for line in import_module(f"benchmarks.{options.name}").measure(options):
            print(line.to_json(options.name, run), file=lines, flush=True)
    return 0


@contextmanager
def stdout_for_lines() -> Iterator[TextIO]:
    """What else is printed, by processes that were started too, goes to stderr while the block runs."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as lines:
        os.dup2(2, 1)
        try:
            yield lines
        finally:
            os.dup2(lines.fileno(), 1)


if __name__ == "__main__":
    sys.exit(main())
