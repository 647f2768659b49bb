"""Starts everything that AION consists of, restarts what crashes, and stops all of it in order.

It knows processes, not what they do; it never touches the database itself.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from aion import head_start
from aion.exceptions import CannotStart
from aion.services import embedded
from aion.services.processes import (
    MARK,
    Account,
    Service,
    end_leftovers,
    end_with_parent,
    stop_together,
    tail,
)

MINIMUM_FREE_BYTES = 1 << 30
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_STEADY_AFTER_S = 60.0
_LOOK_EVERY_S = 0.2
_HEAD_START_S = 30.0  # what work in the background waits at most, so that the model loads with the cores to itself


@dataclass(frozen=True)
class Program:
    """A long-lived program of AION's own, such as the web server. `background`: it waits until the others are ready.

    `has_head_start`: it may run already, and waits to be let go.
    """

    name: str
    command: tuple[str, ...]
    background: bool = False
    has_head_start: bool = False


@dataclass
class Child:
    """One thing kept alive: how to start it, what runs now, and when to try again after a crash."""

    name: str
    start: Callable[[], Service]
    service: Service | None = None
    started_at: float = 0.0
    crashes: int = 0
    retry_at: float = 0.0

    def run(self) -> Service:
        self.started_at = time.monotonic()
        self.service = self.start()
        return self.service

    def has_crashed(self) -> bool:
        return self.service is not None and self.service.process.poll() is not None

    def plan_retry(self) -> float:
        """Note a crash; returns the seconds until the next try, doubled each time it did not live long."""
        now = time.monotonic()
        self.crashes = 1 if now - self.started_at > _STEADY_AFTER_S else self.crashes + 1
        pause = min(_FIRST_PAUSE_S * 2.0 ** (self.crashes - 1), _LONGEST_PAUSE_S)
        self.service, self.retry_at = None, now + pause
        return pause


class Supervisor:
    """Keeps the services and programs of the installation in `var` running until SIGINT, SIGTERM or SIGHUP.

    `prepare` runs once between services and programs; `is_ready` is asked until it says yes, then `on_ready` is called.
    """

    def __init__(
        self,
        var: Path,
        *,
        prepare: Sequence[str],
        programs: Sequence[Program],
        is_ready: Callable[[], bool],
        on_ready: Callable[[], None],
        say: Callable[[str], None],
    ) -> None:
        self._var, self._prepare, self._programs = var, prepare, programs
        self._is_ready, self._on_ready, self._say = is_ready, on_ready, say
        self._stopping: list[int] = []  # signals that came
        self._services: list[Child] = []
        self._children: list[Child] = []
        self._addresses: dict[str, str] = {}
        self._environment = os.environ | {MARK: str(var)}

    def run(self) -> None:
        """Start, watch, stop. Raises CannotStart when it can't start."""
        with _signals_stop_us(self._stopping):
            try:
                self._start()
                self._watch()
            except KeyboardInterrupt:
                pass
            finally:
                if self._stopping:
                    self._say(_("Stopping…"))
                self._stop()

    def _start(self) -> None:
        self._say(_("Starting the database and the queue…"))
        addresses = {}
        for variable, start in embedded.needed().items():
            child = Child(start.__module__.rpartition(".")[2], partial(start, self._var))
            self._services.append(child)
            addresses[variable] = child.run().url
        self._addresses = addresses
        self._environment |= addresses
        embedded.publish(self._var, addresses)
        self._say(_("Preparing the installation…"))
        self._run_preparation()
        self._run_programs(background=False)
        self._say(_("Loading the model…"))

    def _run_programs(self, *, background: bool) -> None:
        for program in self._programs:
            if program.background is background:
                child = Child(program.name, partial(self._spawn, program))
                self._children.append(child)
                child.run()

    def _run_preparation(self) -> None:
        process = subprocess.Popen(
            self._prepare, env=self._environment, start_new_session=True, preexec_fn=end_with_parent(signal.SIGTERM)
        )
        preparation = Service("prepare", process)
        try:
            if process.wait() != 0:
                raise CannotStart(gettext_noop("The installation could not be prepared; the reason is above."))
        finally:
            preparation.stop(patience_s=10)

    def _spawn(self, program: Program) -> Service:
        log = self._var / "log" / f"{program.name}.log"
        spawn = partial(
            Account.ourselves().spawn, program.command, log=log, env=self._environment, folder=settings.BASE_DIR
        )
        if program.has_head_start:
            process = head_start.take() or spawn(stdin=subprocess.PIPE)
            head_start.let_go(process, self._addresses)
        else:
            process = spawn()
        return Service(program.name, process, log=log)

    def _watch(self) -> None:
        ready = background_runs = False
        patience_ends = time.monotonic() + _HEAD_START_S
        while not self._stopping:
            for child in [*self._services, *self._children]:
                self._keep_alive(child)
            if not ready and self._is_ready():
                ready = True
                self._on_ready()
            if not background_runs and (ready or time.monotonic() > patience_ends):
                background_runs = True
                self._run_programs(background=True)
            time.sleep(_LOOK_EVERY_S)

    def _keep_alive(self, child: Child) -> None:
        if child.service is None and time.monotonic() >= child.retry_at:
            self._try_again(child)
        elif child.service is not None and child.has_crashed():
            service = child.service
            service.end_group()
            pause = child.plan_retry()
            self._say(
                _("%(name)s ended unexpectedly (exit code %(code)s); starting it again in %(seconds).0f s.")
                % {"name": child.name, "code": service.process.returncode, "seconds": pause}
            )
            self._say(tail(service.log) if service.log else "")

    def _try_again(self, child: Child) -> None:
        try:
            child.run()
        except CannotStart as failure:
            pause = child.plan_retry()
            self._say(
                _("%(name)s could not be started (%(reason)s); trying again in %(seconds).0f s.")
                % {"name": child.name, "reason": failure, "seconds": pause}
            )
        else:
            self._say(_("%(name)s runs again.") % {"name": child.name})

    def _stop(self) -> None:
        """Programs first, all at once; then what they need, the last started first."""
        embedded.withdraw(self._var)
        stop_together([child.service for child in reversed(self._children) if child.service], patience_s=25)
        embedded.stop_all([child.service for child in self._services if child.service])
        self._say(_("Stopped."))


def end_earlier_programs(var: Path) -> None:
    """End programs of a start that was killed; their environment says whose they are. Raises CannotStart."""
    end_leftovers(lambda: _marked_processes(var), polite=signal.SIGTERM, patience_s=10)


def _marked_processes(var: Path) -> list[psutil.Process]:
    marked = []
    for process in psutil.process_iter():
        try:
            if os.getpid() not in {process.pid, process.ppid()} and process.environ().get(MARK) == str(var):
                marked.append(process)
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or somebody else's
    return marked


def require_free_port(host: str, port: int) -> None:
    """Raise CannotStart when the web server could not listen there."""
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as exc:
            raise CannotStart(
                gettext_noop(
                    "AION can't listen on %(host)s:%(port)s (%(reason)s). End the program that uses this port, or set "
                    "AION_PORT (and AION_HOST) to a free one, for example: AION_PORT=8009 make run"
                ),
                host=host,
                port=port,
                reason=os.strerror(exc.errno or 0),
            ) from exc


def require_space(folder: Path, *, minimum_bytes: int = MINIMUM_FREE_BYTES) -> None:
    """Raise CannotStart when the disk of `folder` is nearly full: databases end badly on one."""
    free = shutil.disk_usage(folder).free
    if free < minimum_bytes:
        raise CannotStart(
            gettext_noop(
                "The disk of %(folder)s is nearly full: %(free)s MB are free, AION wants at least %(wanted)s MB to "
                "start. Free some space, or set AION_VAR_DIR to a folder on another disk."
            ),
            folder=folder,
            free=free >> 20,
            wanted=minimum_bytes >> 20,
        )


@contextmanager
def _signals_stop_us(asked: list[int]) -> Iterator[None]:
    """Let SIGTERM and SIGHUP do what Ctrl-C does; once it has been asked to, stopping is not interrupted. The signal
    stays in `asked`: an exception that comes while a destructor runs is swallowed there."""

    def stop(number: int, frame: object) -> None:
        asked.append(number)
        for each in stopping:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    stopping = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    earlier = {number: signal.signal(number, stop) for number in stopping}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def own_programs(python: str = sys.executable) -> tuple[Program, ...]:
    """Web, worker and beat, as AION runs them; work in the background gives way to people who wait for an answer."""
    celery = ("nice", "-n", "10", python, "-m", "celery", "--app", "aion")
    # Threads: one process holds the embedder's weights, however much it does at once. A night, a training, an
    # examination and the drafts take one each, for hours, and there is one of each kind at a time: the fifth is free.
    worker = ("worker", "--queues=celery,training", "--pool=threads", "--concurrency=5")
    return (
        Program("web", head_start.command(python), has_head_start=True),
        Program("worker", (*celery, *worker, "--without-mingle", "--without-gossip", "--loglevel=INFO"), True),
        Program("beat", (*celery, "beat", "--pidfile=", "--loglevel=INFO"), True),
    )
