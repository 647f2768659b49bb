"""The PostgreSQL and Redis that AION brings along, for installations that name none of their own.

`manage.py up` owns them while AION runs. Any other command uses those, or owns some of its own until it ends.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from aion import runtime
from aion.exceptions import CannotStart
from aion.exceptions import translatable as _
from aion.services import embedded
from aion.services.claim import Claimed, claim, in_use, unused

_NEED_NO_SERVICES = frozenset(
    {"check", "collectstatic", "compilemessages", "diffsettings", "findstatic", "help", "makemessages"}
    | {"makemigrations", "prepare_model", "spectacular", "startapp", "startproject", "test", "testserver", "version"}
)
_START_PATIENCE_S = 120


class AlreadyRunning(CannotStart):
    """AION runs already on this folder, or a command uses its database."""

    def __init__(self, owner: str) -> None:
        super().__init__(_("AION's services are in use already, by: %(owner)s. Nothing was started."), owner=owner)


@contextmanager
def ensure_for_command(argv: Sequence[str], base_dir: Path) -> Iterator[Path]:
    """Have the services that the command `argv` needs while the block runs, before Django's settings are read.

    Yields the folder of the installation. Raises AlreadyRunning (`up` only) and CannotStart.
    """
    var = runtime.load_own_environment(base_dir)
    name = argv[1] if len(argv) > 1 else "help"
    if name == "up" and not _asks_for_help(argv):
        with _owned_by_supervisor(var):
            yield var
    elif name in _NEED_NO_SERVICES or _asks_for_help(argv) or not embedded.needed():
        yield var
    else:
        with _for_one_command(var, f"manage.py {name}"):
            yield var


def _asks_for_help(argv: Sequence[str]) -> bool:
    return bool({"-h", "--help", "--version"}.intersection(argv))


@contextmanager
def _owned_by_supervisor(var: Path) -> Iterator[None]:
    try:
        with claim(var, owner="manage.py up"):
            embedded.withdraw(var)  # left by a killed one: its addresses must not be taken for the owner's
            yield
    except Claimed as claimed:
        raise AlreadyRunning(str(claimed)) from None


@contextmanager
def _for_one_command(var: Path, command: str) -> Iterator[None]:
    """Use the services of whoever owns some, else own some."""
    deadline = time.monotonic() + _START_PATIENCE_S
    while time.monotonic() < deadline:
        try:
            with claim(var, owner=command), _own_services(var):
                yield
                return
        except Claimed:
            with in_use(var):
                if runtime.addresses_file(var).exists():
                    yield
                    return
        time.sleep(0.1)  # the owner is starting or ending its services
    raise CannotStart(_("AION's services have been starting for %(seconds)s s: try again."), seconds=_START_PATIENCE_S)


@contextmanager
def _own_services(var: Path) -> Iterator[None]:
    """Services of our own, with an up-to-date database; others may use them, and are waited for at the end."""
    embedded.withdraw(var)
    with ExitStack() as stack:
        addresses = {}
        for variable, start in embedded.needed().items():
            service = start(var)
            stack.callback(service.stop)
            addresses[variable] = service.url
        os.environ |= addresses
        _migrate()
        embedded.publish(var, addresses)
        yield
        with unused(var):
            embedded.withdraw(var)


def _migrate() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0, stdout=sys.stderr)
