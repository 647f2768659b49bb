"""One private PostgreSQL and Redis for each pytest process, in a temporary folder; no network but loopback.

Nothing here may turn on the machine: not on its speed, its environment, or what an earlier run left.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from aion.services import postgres, redis

# What the machine's owner may have set, and tests would obey.
OWNERS = ("AION_", "OPENAI_", "PRIMARY_TENANT_ID", "SECRET_KEY")


def start_private_installation() -> None:
    """Point the environment at an installation of this run's own, before Django's settings are read."""
    var = Path(tempfile.mkdtemp(prefix="aion-tests-"))
    var.chmod(0o755)  # as root PostgreSQL runs as another user, who must get through
    atexit.register(shutil.rmtree, var, ignore_errors=True)
    database, broker = postgres.start(var, durable=False), redis.start(var, durable=False)
    atexit.register(database.stop)
    atexit.register(broker.stop)
    for name in [name for name in os.environ if name.startswith(OWNERS) or name.upper().endswith("_PROXY")]:
        del os.environ[name]
    os.environ |= {
        "AION_VAR_DIR": str(var),
        "AION_ENV_FILE": os.devnull,
        "AION_ENGINE": "inference.backends.fake.FakeEngine",
        "DATABASE_URL": database.url,
        "REDIS_URL": broker.url,
        "DJANGO_SETTINGS_MODULE": "aion.settings",
    }


# The same examples each time and everywhere, however slow; `pytest --hypothesis-profile=explore` looks for new ones.
_slow = [HealthCheck.too_slow]
hypothesis_settings.register_profile(
    "repeatable", deadline=None, suppress_health_check=_slow, derandomize=True, database=None
)
hypothesis_settings.register_profile("explore", deadline=None, suppress_health_check=_slow, max_examples=2000)
hypothesis_settings.load_profile("repeatable")

# On import: pytest imports this before any other conftest, and those may import models.
start_private_installation()

import django  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from pytest_django import DjangoDbBlocker  # noqa: E402

settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
django.setup()


def pytest_configure(config: pytest.Config) -> None:
    """Workers of `-n` inherit this environment, and would read the settings before their own installation stands."""
    if config.getoption("numprocesses", None):
        del os.environ["DJANGO_SETTINGS_MODULE"]


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Nothing to clear away: the whole cluster goes at the end."""
    return True


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> None:
    """Tests with transactions of their own are cleared up by TRUNCATE, which the audit trail refuses."""
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE telemetry_auditentry DISABLE TRIGGER telemetry_audit_whole")
