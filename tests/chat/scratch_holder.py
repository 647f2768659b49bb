"""A program that does to the test database what `evaluate` and `calibrate` do, slowly enough to be ended meanwhile.

`python -m tests.chat.scratch_holder FILE` says `asking` once the scratch space is full; without a file it only sweeps,
as the next run does.
"""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import django

django.setup()

from django.core.management.base import OutputWrapper  # noqa: E402
from django.db import connection  # noqa: E402

from chat.golden import places_to_search, read_golden, sweep  # noqa: E402
from chat.management.interruption import ending_cleanly  # noqa: E402
from retrieval import embeddings  # noqa: E402
from tests.chat.conftest import HashedEmbedder  # noqa: E402

PATIENCE_S = 60


def main(files: list[str]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started without it
    embeddings.LIBRARIES["hashed"] = lambda _model: HashedEmbedder()
    if not files:
        sweep()
        return
    with ending_cleanly(OutputWrapper(sys.stderr), "ended"), places_to_search(read_golden(Path(files[0]))):
        print("asking", flush=True)  # noqa: T201
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(%s)", [PATIENCE_S])  # an interruption finds a statement running
        time.sleep(PATIENCE_S)


if __name__ == "__main__":
    main(sys.argv[1:])
