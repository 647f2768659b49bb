"""Where a running installation keeps its addresses and secrets (`var/`). Reads; starts nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote

import environ


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
    var.mkdir(mode=0o755, parents=True, exist_ok=True)
    return var


def addresses_file(var: Path) -> Path:
    """Where a supervisor writes the addresses of the services that it started."""
    return var / "run" / "env"


def _complete_environment(file: Path) -> None:
    if file.is_file():
        environ.Env.read_env(file)


def kept_secret(path: Path) -> str:
    """The secret in `path`, made on first use, readable by its owner only."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(fd, "w") as file:
        file.write(secrets.token_urlsafe(48))
    return path.read_text().strip()


def database(env: environ.Env, var: Path) -> dict[str, Any]:
    """Django's settings of the database: `DATABASE_URL`, else the embedded one's socket."""
    url = env.str("DATABASE_URL", default="") or f"postgres://aion@/aion?host={quote(str(var / 'run' / 'pg'))}"
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    config["OPTIONS"] = config.get("OPTIONS", {}) | {"pool": {"min_size": 1, "max_size": 24, "timeout": 10}}
    config["CONN_MAX_AGE"] = 0
    config["CONN_HEALTH_CHECKS"] = True  # the pool drops what a restarted server has left behind
    config["ATOMIC_REQUESTS"] = False
    return config


def redis_url(env: environ.Env, var: Path) -> str:
    """`REDIS_URL`, else the embedded one's socket."""
    return env.str("REDIS_URL", default="") or f"unix://{quote(str(var / 'run' / 'redis' / 'redis.sock'))}"


def broker_url(redis_url: str) -> str:
    """The same address in Celery's spelling, which differs for Unix sockets."""
    return redis_url.replace("unix://", "redis+socket://", 1)
