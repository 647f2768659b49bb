"""AION served by gunicorn as in production, with its own database, some demo documents and the engine of the tests.

Run as a script it prepares that installation and prints its keys as JSON.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.ports import free_port

BASE_DIR = Path(__file__).resolve().parents[2]
DOCUMENTS = ("sintra-dia-inteiro.md", "cancelamento-e-reembolso.md", "criancas-e-cadeirinhas.md")
ORIGIN = "https://site.example"
PASSWORD = "senha-de-teste"
PATIENCE_S = 300


@dataclass(frozen=True)
class Server:
    """Where it listens, where it keeps its files, a key that may do everything, and its own database."""

    url: str
    var: Path
    key: str
    database: str

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])


@contextmanager
def running_server() -> Iterator[Server]:
    var = Path(tempfile.mkdtemp(prefix="served-", dir=os.environ["AION_VAR_DIR"]))
    port = free_port()
    old_env = var / "old.env"
    old_env.write_text(OLD_ENV.format(port=port, origin=ORIGIN))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AION_")} | {
        "AION_VAR_DIR": str(var),
        "AION_ENV_FILE": str(old_env),
        "AION_ENGINE": "tests.http.engines.PatientEngine",
        "DATABASE_URL": _own_database(os.environ["DATABASE_URL"]),
        "PYTHONPATH": str(BASE_DIR),
    }
    prepared = subprocess.run(
        [sys.executable, "-m", "tests.http.served"],
        env=environment,
        cwd=BASE_DIR,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    key = json.loads(prepared.stdout.splitlines()[-1])["key"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "--config", "python:aion.gunicorn_conf", "aion.wsgi:application"],
        env=environment,
        cwd=BASE_DIR,
    )
    try:
        server = Server(f"http://127.0.0.1:{port}", var, key, environment["DATABASE_URL"])
        _wait_until_ready(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


# As the older design's installations have it, placeholders apart.
OLD_ENV = """\
AION_HOST=127.0.0.1
AION_PORT={port}
AION_TAU_CONFIDENCE=0.62
AION_TAU_FALLBACK=0.18
AION_TAU_NDCG=0.82
AION_MAX_NEW_TOKENS=512
AION_TEMPERATURE=0.6
AION_TOP_P=0.9
AION_LOAD_IN_4BIT=false
AION_LOCAL_LLM_URL=http://localhost:{port}
PRIMARY_TENANT_ID=default
AION_ALLOWED_ORIGINS={origin}
"""


def _own_database(url: str) -> str:
    """A new database beside the one of this test run, and beside that of another server which still runs."""
    import psycopg

    name = f"served_{secrets.token_hex(4)}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _wait_until_ready(server: Server, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise AssertionError(f"gunicorn ended with {process.returncode}")
        try:
            urllib.request.urlopen(f"{server.url}/ready", timeout=5).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server never became ready")


def _prepare() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")
    django.setup()
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from chat.authentication import issue_key
    from chat.models import ApiKey, ChatSettingsRevision
    from retrieval.ingestion import ingest

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    ingest([BASE_DIR / "demo" / "documents" / name for name in DOCUMENTS], tenant="default")
    # What the calibration thinks of three documents is not the matter here; what they do say is to be answered.
    ChatSettingsRevision.objects.create(tau=0.08)
    chief = User.objects.create_superuser("chefe", password=PASSWORD, first_name="Rui")
    User.objects.create_user("ana", password=PASSWORD, first_name="Ana")
    _key, text = issue_key(name="antigo", user_id=chief.pk, scopes=ApiKey.Scope.values, tenant="default")
    sys.stdout.write(json.dumps({"key": text}))


if __name__ == "__main__":
    _prepare()
