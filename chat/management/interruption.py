"""Let SIGTERM unwind a command as Ctrl-C does, so that what it has made aside goes before it ends."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from django.core.management.base import OutputWrapper


class _Terminated(KeyboardInterrupt):
    """psycopg cancels a running statement for a KeyboardInterrupt only, and leaves the connection usable."""


@contextmanager
def ending_cleanly(out: OutputWrapper, message: str) -> Iterator[None]:
    """Within, an interruption unwinds, says `message`, and exits with the shell's status for its signal.

    Signals reach the main thread alone; in another one this changes nothing.
    """
    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, _terminate) if main else None
    try:
        yield
    except KeyboardInterrupt as exc:
        out.write(message)
        sys.exit(128 + (signal.SIGTERM if isinstance(exc, _Terminated) else signal.SIGINT))
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated
