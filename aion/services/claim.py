"""One owner of an installation's services at a time, by `flock`: the kernel lets go when the owner dies, even by -9."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class Claimed(Exception):
    """Another process owns the installation; the text is what it wrote about itself."""


@contextmanager
def claim(var: Path, *, owner: str) -> Iterator[None]:
    """Own the services of `var` while the block runs. Raises Claimed."""
    with _lock_file(var, "owner.lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Claimed(file.read().strip()) from None
        file.truncate()
        file.write(f"{owner} ({os.getpid()})")
        file.flush()
        yield


@contextmanager
def in_use(var: Path) -> Iterator[None]:
    """Use services that another process owns: it waits for us before it ends them, if it is only a command."""
    with _lock_file(var, "users.lock") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def unused(var: Path) -> Iterator[None]:
    """Wait until nobody uses the services, and let nobody begin while the block runs."""
    with _lock_file(var, "users.lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _lock_file(var: Path, name: str) -> IO[str]:
    path = var / "run" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")
