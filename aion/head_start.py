"""The web server's head start: it imports the model's libraries, which takes longest, while all else is being started.

As a program (`python -m aion.head_start MODULE ARGUMENT...`) it imports them, waits at its standard input for the rest
of its environment, and becomes MODULE. Where that input ends without a word, so does the program. gunicorn then forks
its worker with the libraries already there; so far they have only been imported, and run no thread that a fork loses.
"""

from __future__ import annotations

import json
import os
import runpy
import select
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from aion.services.processes import MARK, Account

WEB = ("gunicorn", "--config", "python:aion.gunicorn_conf", "aion.wsgi:application")

_begun: list[subprocess.Popen[bytes]] = []  # the one that waits, until the supervisor takes it


def command(python: str = sys.executable) -> tuple[str, ...]:
    return (python, "-m", __name__, *WEB)


def begin(var: Path, base_dir: Path) -> None:
    """Start the web server as far as it gets alone, for the supervisor of `var` to go on with. It can do without."""
    with suppress(OSError):
        _begun.append(
            Account.ourselves().spawn(
                command(),
                log=var / "log" / "web.log",
                env=os.environ | {MARK: str(var)},
                folder=base_dir,
                stdin=subprocess.PIPE,
            )
        )


def take() -> subprocess.Popen[bytes] | None:
    """The one that was begun, if there is one and nobody has taken it."""
    return _begun.pop() if _begun else None


def let_go(process: subprocess.Popen[bytes], environment: Mapping[str, str]) -> None:
    """Give a waiting one the rest of its environment. If it has ended meanwhile, whoever watches it will see."""
    assert process.stdin  # noqa: S101 - it was started with a pipe
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(json.dumps(dict(environment)).encode() + b"\n")


def _main() -> None:
    os.environ.setdefault("TQDM_DISABLE", "1")  # read when it is imported; see aion.gunicorn_conf
    if not select.select([sys.stdin], [], [], 0)[0]:  # else it is started again, and /health is to answer soon
        _import_libraries()
    word = sys.stdin.readline()
    if not word:
        return
    os.environ |= json.loads(word)
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _import_libraries() -> None:
    if os.environ.get("AION_ENGINE") or os.environ.get("AION_LOCAL_LLM_URL"):
        return  # another engine, or another server, has the model
    from inference.libraries import import_ahead

    with suppress(ImportError):  # what is missing is named when the engine loads
        import_ahead(os.environ.get("AION_BASE_MODEL", ""))


if __name__ == "__main__":
    _main()
