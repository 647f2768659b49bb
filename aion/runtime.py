"""Where a running installation keeps its addresses and secrets (`var/`). Reads; starts nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

import environ


def var_dir(base_dir: Path) -> Path:
    """The folder of everything AION writes; `AION_VAR_DIR` moves it (tests do)."""
    path = Path(os.environ.get("AION_VAR_DIR", base_dir / "var"))
    path.mkdir(mode=0o755, parents=True, exist_ok=True)
    return path


def read_addresses(var: Path) -> None:
    """Take over the addresses that a supervisor wrote to `run/env`; the real environment wins."""
    file = var / "run" / "env"
    if file.exists():
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
    url = env.str("DATABASE_URL", default="") or f"postgres://aion@/aion?host={var / 'run' / 'pg'}"
    config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    config["OPTIONS"] = config.get("OPTIONS", {}) | {"pool": {"min_size": 1, "max_size": 24, "timeout": 10}}
    config["CONN_MAX_AGE"] = 0
    config["ATOMIC_REQUESTS"] = False
    return config


def redis_url(env: environ.Env, var: Path) -> str:
    """`REDIS_URL`, else the embedded one's socket."""
    return env.str("REDIS_URL", default="") or f"unix://{var / 'run' / 'redis' / 'redis.sock'}"
