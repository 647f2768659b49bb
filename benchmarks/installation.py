"""An installation of the run's own: PostgreSQL and files in a temporary folder, gone at the end, whatever happens."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def private_installation(*, durable: bool = False) -> Iterator[None]:
    """Django set up on it. Once in a process, before anything that needs Django is imported. Only a `durable` one syncs
    to disk, as an owner's does."""
    from aion.services import postgres

    with tempfile.TemporaryDirectory(prefix="aion-bench-") as folder:
        var = Path(folder)
        var.chmod(0o755)  # as root PostgreSQL runs as another user, who must get through
        service = postgres.start(var, durable=durable)
        try:
            _point_environment_at(var, service.url)
            _set_up()
            yield
        finally:
            _close_connections()
            service.stop()


@contextmanager
def private_broker() -> Iterator[None]:
    """Trainings are announced there; no worker listens, so that whoever asked for one runs it."""
    from aion.services import redis

    service = redis.start(Path(os.environ["AION_VAR_DIR"]), durable=False)
    os.environ["REDIS_URL"] = service.url  # else each command started from here would put one of its own in its place
    try:
        yield
    finally:
        service.stop()


def _point_environment_at(var: Path, database_url: str) -> None:
    """Nothing that the owner has configured may tint a figure."""
    for name in [name for name in os.environ if name.startswith(("AION_", "OPENAI_", "REDIS_URL"))]:
        del os.environ[name]
    os.environ |= {
        "AION_VAR_DIR": str(var),
        "AION_ENV_FILE": os.devnull,
        "DATABASE_URL": database_url,
        "DJANGO_SETTINGS_MODULE": "aion.settings",
    }


def _set_up() -> None:
    import django
    from django.core.management import call_command
    from django.utils import translation

    django.setup()
    translation.activate("en")  # what is refused is said in the page's language
    call_command("migrate", verbosity=0)


def _close_connections() -> None:
    from django.conf import settings
    from django.db import connections

    if settings.configured:
        connections.close_all()
