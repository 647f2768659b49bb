"""Where a running installation keeps its addresses and secrets (`var/`). Reads; starts nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

import environ

from aion.exceptions import CannotStart
from aion.exceptions import translatable as _

_UNUSABLE = _("AION can't write to its folder %(folder)s (%(reason)s): set AION_VAR_DIR to one where it can.")


def load_environment(base_dir: Path) -> Path:
    """Complete the environment by the owner's file and by the addresses of running services; what is set already wins.

    Returns the folder of everything AION writes.
    """
    var = load_own_environment(base_dir)
    _complete_environment(addresses_file(var))
    return var


def load_own_environment(base_dir: Path) -> Path:
    """The same without those addresses: `.env` (or `AION_ENV_FILE`) and `AION_VAR_DIR`, which is `var/` by default."""
    _complete_environment(Path(os.environ.get("AION_ENV_FILE", base_dir / ".env")))
    var = Path(os.environ.get("AION_VAR_DIR", base_dir / "var")).absolute()
    try:
        var.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as exc:
        raise CannotStart(_UNUSABLE, folder=var, reason=exc.strerror) from exc
    if not os.access(var, os.W_OK | os.X_OK):
        raise CannotStart(_UNUSABLE, folder=var, reason=os.strerror(errno.EACCES))
    return var


def addresses_file(var: Path) -> Path:
    """Where a supervisor writes the addresses of the services that it started."""
    return var / "run" / "env"


def _complete_environment(file: Path) -> None:
    if file.is_file():
        environ.Env.read_env(file)


def kept_secret(path: Path) -> str:
    """The secret in `path`, made on first use, readable by its owner only; whole or not there at all."""
    if not path.exists():
        aside = path.with_name(f"{path.name}.{os.getpid()}")
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48))
        with contextlib.suppress(FileExistsError):  # another process was faster: its secret holds
            path.hardlink_to(aside)
        aside.unlink()
    return path.read_text().strip()


def embedded_database_url(var: Path) -> str:
    """The embedded PostgreSQL's address, where a supervisor has not written another."""
    return f"postgres://aion@/aion?host={quote(str(var / 'run' / 'pg'))}"


def embedded_redis_url(var: Path) -> str:
    """The embedded Redis's address, where a supervisor has not written another."""
    return f"unix://{quote(str(var / 'run' / 'redis' / 'redis.sock'))}"


def database(url: str) -> dict[str, Any]:
    """Django's settings of a database; pooled, since each of the web process's many threads wants it now and then."""
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    config["OPTIONS"] = config.get("OPTIONS", {}) | {"pool": {"min_size": 1, "max_size": 24, "timeout": 10}}
    config["CONN_MAX_AGE"] = 0
    config["CONN_HEALTH_CHECKS"] = True  # the pool drops what a restarted server has left behind
    config["ATOMIC_REQUESTS"] = False
    return config


def broker_url(redis_url: str) -> str:
    """The same address in Celery's spelling, which differs for Unix sockets."""
    return redis_url.replace("unix://", "redis+socket://", 1)
