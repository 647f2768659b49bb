"""Child processes that serve: who they run as, how they end with us, what is left of earlier ones.

Knows nothing of what the processes do.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypedDict

import psutil

from aion.exceptions import CannotStart
from aion.exceptions import translatable as _

MARK = "AION_SUPERVISED_FOR"  # in the environment of every program: how a later start knows what an earlier one left
SOCKET_PATH_BYTES = 100  # sun_path holds 104 bytes on macOS and 108 on Linux, its end mark included
LONG_LOG_BYTES = 20 << 20
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class _Identity(TypedDict, total=False):
    """What `subprocess` wants to know to start a process as somebody else."""

    user: int
    group: int
    extra_groups: tuple[int, ...]


@dataclass(frozen=True)
class Account:
    """The system user that a service runs as."""

    name: str
    uid: int
    gid: int

    @classmethod
    def ourselves(cls) -> Account:
        """The user that this process runs as."""
        return cls._of(pwd.getpwuid(os.getuid()))

    @classmethod
    def for_folder(cls, folder: Path) -> Account:
        """Ourselves; as root the owner of `folder`, else `postgres` or `nobody` (PostgreSQL refuses to run as root)."""
        if os.getuid() != 0:
            return cls.ourselves()
        if folder.exists() and (owner := folder.stat().st_uid) != 0:
            return cls(name=str(owner), uid=owner, gid=folder.stat().st_gid)
        for name in ("postgres", "nobody"):
            try:
                return cls._of(pwd.getpwnam(name))
            except KeyError:
                continue
        raise CannotStart(
            _(
                "AION was started as root and found no unprivileged user (postgres, nobody) for its database. "
                "Start it as an ordinary user, or set DATABASE_URL and REDIS_URL."
            )
        )

    @classmethod
    def _of(cls, entry: pwd.struct_passwd) -> Account:
        return cls(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)

    @property
    def is_another(self) -> bool:
        return self.uid != os.getuid()

    def own_folder(self, folder: Path) -> Path:
        """`folder`, made if it is missing, readable by this account only.

        Raises CannotStart when somebody else has put something there.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            status = folder.lstat()
            if folder.is_symlink() or not folder.is_dir() or status.st_uid not in {self.uid, os.getuid()}:
                raise CannotStart(
                    _("%(folder)s belongs to somebody else; move it away and start again."), folder=folder
                ) from None
        folder.chmod(0o700)
        if self.is_another:
            os.chown(folder, self.uid, self.gid)
        return folder

    def require_access(self, *paths: Path) -> None:
        """Raise CannotStart unless this account can traverse the folders that lead to `paths`."""
        if not self.is_another:
            return
        folders = [str(folder) for path in paths for folder in reversed(path.resolve().parents)]
        check = 'for folder; do test -x "$folder" || { echo "$folder"; exit 1; }; done'
        result = subprocess.run(
            ["/bin/sh", "-c", check, "sh", *folders], stdout=subprocess.PIPE, text=True, cwd="/", **self._identity()
        )
        if result.returncode != 0:
            raise CannotStart(
                _(
                    "AION was started as root, so its database runs as the user %(user)s, who can't enter %(folder)s. "
                    "Put AION where every user can enter (such as /opt/aion), start it as an ordinary user, "
                    "or set DATABASE_URL and REDIS_URL."
                ),
                user=self.name,
                folder=result.stdout.strip(),
            )

    def _identity(self) -> _Identity:
        return _Identity(user=self.uid, group=self.gid, extra_groups=()) if self.is_another else _Identity()

    def run(self, command: Sequence[str | Path], *, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        """Run a short command to its end, its output captured."""
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/", env=env, **self._identity()
        )

    def spawn(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        env: dict[str, str],
        parting_signal: signal.Signals = signal.SIGTERM,
        folder: Path = Path("/"),
        stdin: int = subprocess.DEVNULL,
    ) -> subprocess.Popen[bytes]:
        """Start a long-lived child in `folder`; it gets `parting_signal` when we die. For the main thread only.

        (The kernel sends that signal when the thread that started the child ends.)
        """
        with open_log(log) as output:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=output,
                stderr=output,
                cwd=folder,
                env=env,
                start_new_session=True,
                preexec_fn=end_with_parent(parting_signal),
                **self._identity(),
            )


def end_with_parent(parting_signal: signal.Signals) -> Callable[[], None]:
    """What a child does before it becomes its program: ask the kernel to be told of our end (Linux)."""
    parent = os.getpid()

    def ask() -> None:
        if _libc is None:
            return
        _libc.prctl(_PR_SET_PDEATHSIG, int(parting_signal))
        if os.getppid() != parent:  # we ended before the child had asked
            os._exit(1)

    return ask


def socket_folder(folder: Path, account: Account, *, socket_name: str) -> Path:
    """`folder` for a Unix socket, or a private one under the temporary folder where its path is too long."""
    if len(os.fsencode(folder / socket_name)) > SOCKET_PATH_BYTES:
        digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"aion-{os.getuid()}-{digest}"
    return account.own_folder(folder)


def processes_of(folder: Path, names: frozenset[str]) -> list[psutil.Process]:
    """Living processes called one of `names` that work in `folder`: proof that they are ours, as no pid file is."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] in names and Path(process.cwd()) == folder.resolve():
                found.append(process)
        except (psutil.Error, OSError):
            continue  # ended meanwhile, or somebody else's
    return found


def end_leftovers(find: Callable[[], list[psutil.Process]], *, polite: signal.Signals, patience_s: float = 60) -> None:
    """End what an earlier start left running: `polite` first, then kill after `patience_s`."""
    leftovers = find()
    for process in leftovers:
        _signal(process, polite)
    alive = psutil.wait_procs(leftovers, timeout=patience_s)[1]
    for process in alive:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(alive, timeout=10)
    if remaining := find():
        raise CannotStart(
            _("Process %(pid)s of an earlier start doesn't end: end it and start again."), pid=remaining[0].pid
        )


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)  # psutil refuses when the number was reused by another process


@dataclass
class Service:
    """A started process and how to end it; `url` is the address under which it serves, if others need one."""

    name: str
    process: subprocess.Popen[bytes]
    url: str = ""
    parting_signal: signal.Signals = signal.SIGTERM
    log: Path | None = None

    def request_end(self) -> None:
        """Ask it to end in good order; don't wait."""
        if self.process.poll() is None:
            self.process.send_signal(self.parting_signal)

    def stop(self, *, patience_s: float = 60) -> None:
        """End it in good order; kill it, and what it started, after `patience_s`."""
        self.request_end()
        try:
            self.process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            self.end_group()
            self.process.wait()

    def end_group(self) -> None:
        """Kill what is left of the process and of what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


def stop_together(services: Sequence[Service], *, patience_s: float) -> None:
    """Ask all to end, then wait for each, so that together they take no longer than the slowest."""
    for service in services:
        service.request_end()
    deadline = time.monotonic() + patience_s
    for service in services:
        service.stop(patience_s=max(deadline - time.monotonic(), 0.1))


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], *, what: str, log: Path) -> None:
    """Wait as long as the process lives, since crash recovery may take minutes. Raises CannotStart when it ends."""
    while not ready():
        if process.poll() is not None:
            raise CannotStart(
                _("%(what)s ended while starting (exit code %(code)s):\n%(log)s"),
                what=what,
                code=process.returncode,
                log=tail(log),
            )
        time.sleep(0.05)


def open_log(log: Path) -> IO[bytes]:
    """A log to append to; a long one of earlier starts is put aside first."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LONG_LOG_BYTES:
        log.rename(log.with_suffix(".old"))
    return log.open("ab")


def tail(log: Path, lines: int = 8) -> str:
    """The last lines of a log, for an error message."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
