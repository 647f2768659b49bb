"""`python -m benchmarks [NAME]`: one prints its lines; without a name all run in turn and the page is made of them."""

from __future__ import annotations

import signal
import sys
from importlib import import_module

from benchmarks.installation import private_installation
from benchmarks.machine import describe_run
from benchmarks.options import Options, parse
from benchmarks.suite import run_all


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_args: sys.exit(143))  # unwinds like Ctrl-C, so that nothing stays behind
    options = parse()
    return run_one(options) if options.name else run_all(options)


def run_one(options: Options) -> int:
    """Measure in an installation of its own; lines go to stdout as they come."""
    run = describe_run(options.name, options)
    with private_installation():
        for line in import_module(f"benchmarks.{options.name}").measure(options):
            print(line.to_json(options.name, run), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
