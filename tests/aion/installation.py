"""A real installation in a temporary folder: the real supervisor, PostgreSQL and Redis, with tiny programs of its own.

Run as a script it is that supervisor; imported, it starts one and looks at it from outside.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from aion.runtime import addresses_file
from aion.services.processes import MARK

BASE_DIR = Path(__file__).resolve().parents[2]
PATIENCE_S = 300
_WAIT = "import signal; signal.pause()"


class Installation:
    """A supervisor started in a process of its own, what it says, and its children."""

    def __init__(self, var: Path, command: list[str], environment: dict[str, str]) -> None:
        self.var = var
        self.process = subprocess.Popen(
            command, env=environment, cwd=BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)

    def wait_for(self, text: str, *, patience_s: float = PATIENCE_S) -> str:
        """The next line that contains `text`."""
        deadline = time.monotonic() + patience_s
        while (left := deadline - time.monotonic()) > 0:
            try:
                line = self._lines.get(timeout=min(left, 0.2))
            except queue.Empty:
                if self.process.poll() is not None and self._lines.empty():
                    break
                continue
            self.said.append(line)
            if text in line:
                return line
        raise AssertionError(f"it never said {text!r}, but:\n{''.join(self.said)}")

    def child(self, name: str) -> psutil.Process:
        """The supervised process whose command line contains `name`."""
        for process in psutil.Process(self.process.pid).children():
            if name in " ".join(process.cmdline()):
                return process
        raise AssertionError(f"{name} does not run")

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)

    def addresses(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in addresses_file(self.var).read_text().split())


def processes_of(var: Path) -> list[psutil.Process]:
    """Every living process that belongs to the installation, services included."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(var) in " ".join([*process.cmdline(), process.cwd(), *process.environ().values()]):
                found.append(process)
        except psutil.Error:
            continue
    return [process for process in found if process.pid != os.getpid()]


def wait_until_gone(processes: list[psutil.Process]) -> None:
    assert not psutil.wait_procs(processes, timeout=PATIENCE_S)[1]


def environment_of(var: Path, **more: str) -> dict[str, str]:
    """The environment of a fresh installation: nothing of this test run's own services."""
    ours = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL", MARK}}
    return ours | {"AION_VAR_DIR": str(var), "AION_ENV_FILE": os.devnull, "PYTHONPATH": str(BASE_DIR)} | more


@contextmanager
def tiny_installation(var: Path) -> Iterator[Installation]:
    """A running supervisor whose only program waits; killed at the end if it still runs."""
    installation = Installation(var, [sys.executable, __file__], environment_of(var))
    try:
        yield installation
    finally:
        if installation.process.poll() is None:
            installation.end(signal.SIGTERM)


def _supervise() -> None:
    import django

    django.setup()
    from aion.supervisor import Program, Supervisor, end_earlier_programs

    var = Path(os.environ["AION_VAR_DIR"])
    end_earlier_programs(var)
    Supervisor(
        var,
        prepare=(sys.executable, "-c", ""),
        programs=[Program("web", (sys.executable, "-c", _WAIT, "the-web"))],
        is_ready=lambda: True,
        on_ready=lambda: print("READY", flush=True),
        say=lambda text: print(text, flush=True),
    ).run()


if __name__ == "__main__":
    from aion.exceptions import CannotStart
    from aion.services import ensure_for_command

    try:
        with ensure_for_command(["manage.py", "up"], BASE_DIR):
            _supervise()
    except CannotStart as failure:
        import django

        django.setup()  # its message is translated
        sys.exit(f"REFUSED: {failure}")
