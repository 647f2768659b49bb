"""The scratch space leaves nothing behind, however the process ends: it is really ended here."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from tests.chat.test_evaluation import TWO_DOCUMENTS
from tests.chat.test_golden import written

HOLDER = [sys.executable, "-m", "tests.chat.scratch_holder"]


def rows_by_table() -> Counter[str]:
    """How many rows each table of the schema holds, those of its partitions included."""
    counted: Counter[str] = Counter()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")
            counted[table] = cursor.fetchone()[0]
    return counted


def environment() -> dict[str, str]:
    """Of a process that works on the test database."""
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{settings.DATABASES['default']['NAME']}")
    return os.environ | {"DATABASE_URL": address.geturl(), "AION_EMBEDDER": "hashed:64"}


@contextmanager
def holding(file: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of its asking."""
    with subprocess.Popen(
        [*HOLDER, str(file)], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == "asking\n", process.communicate()[1]
            yield process
        finally:
            process.kill()


@pytest.mark.django_db
@pytest.mark.usefixtures("documents")
def test_an_evaluation_leaves_every_table_as_it_was(tmp_path):
    before = rows_by_table()
    path = written(tmp_path, json.dumps(TWO_DOCUMENTS), "squad.json")
    call_command(
        "evaluate", str(path), "--masked", "both", "--tau", "0", "--json", stdout=StringIO(), stderr=StringIO()
    )
    assert rows_by_table() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("documents")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_ended_by_a_signal_it_clears_away_and_says_so_with_its_status(tmp_path, number, status):
    before = rows_by_table()
    with holding(written(tmp_path, json.dumps(TWO_DOCUMENTS), "squad.json")) as process:
        assert rows_by_table() != before
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
        assert process.returncode == status, said
        assert said.strip() == "ended"
    assert rows_by_table() == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("documents")
def test_what_a_killed_run_left_the_next_one_sweeps(tmp_path):
    before = rows_by_table()
    with holding(written(tmp_path, json.dumps(TWO_DOCUMENTS), "squad.json")) as process:
        process.kill()
        process.wait(timeout=30)
    assert rows_by_table() != before
    subprocess.run(HOLDER, env=environment(), check=True, timeout=60)
    assert rows_by_table() == before
