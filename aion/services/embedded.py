"""The services that AION brings along, as a set: which of them are needed, and where the others find them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from aion import runtime
from aion.services import postgres, redis
from aion.services.processes import Service

_STARTS: dict[str, Callable[[Path], Service]] = {"DATABASE_URL": postgres.start, "REDIS_URL": redis.start}


def needed() -> dict[str, Callable[[Path], Service]]:
    """How to start each service that the environment names no address of, by the variable that would."""
    return {variable: start for variable, start in _STARTS.items() if not os.environ.get(variable)}


def publish(var: Path, addresses: dict[str, str]) -> None:
    """Write the addresses where other processes look for them, whole or not at all."""
    file = runtime.addresses_file(var)
    aside = file.with_suffix(".new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.writelines(f"{variable}={address}\n" for variable, address in addresses.items())
    aside.rename(file)


def withdraw(var: Path) -> None:
    """Forget the addresses: nobody serves there (any more)."""
    runtime.addresses_file(var).unlink(missing_ok=True)


def stop_all(services: list[Service]) -> None:
    """Stop services in the reverse order of their start, each even if another one's end fails."""
    with contextlib.ExitStack() as stack:
        for service in services:
            stack.callback(service.stop)
