"""One training at a time on a machine: a lock that its process holds, so that it ends with the process, however."""

from __future__ import annotations

import fcntl
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from django.conf import settings
from django.utils.translation import gettext as _

from inference.exceptions import TrainingRefused

_PATIENCE_S = 1.0  # whoever only looks whether it is held holds it for a moment


def this_machine_name() -> str:
    return socket.gethostname()


@contextmanager
def training_lock() -> Iterator[None]:
    """Hold it. Raises `TrainingRefused` where another training of this machine does."""
    with _opened() as file:
        until = time.monotonic() + _PATIENCE_S
        while not _taken(file, fcntl.LOCK_EX):
            if time.monotonic() > until:
                raise TrainingRefused(_("Another training runs on this machine; wait until it is done or stop it."))
            time.sleep(0.05)
        yield


def is_training_here() -> bool:
    """Whether some process of this machine holds it."""
    with _opened() as file:
        return not _taken(file, fcntl.LOCK_SH)


def _opened() -> IO[bytes]:
    path = Path(settings.AION_TRAIN_ROOT) / "training.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


def _taken(file: IO[bytes], how: int) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, how | fcntl.LOCK_NB)
        return True
    return False
