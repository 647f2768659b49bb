"""The tables of the generations: one partition each, its index, its size. All names are made of numbers."""

from __future__ import annotations

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext as _

from retrieval.exceptions import GenerationRefused

INDEX_MEMORY = "512MB"
"""What building an index may take: past it pgvector goes on on disk, much slower."""
WAIT = "5s"
"""How long dropping waits for whoever reads: a waiting drop holds up all who come after it."""


def open_partition(generation: int) -> None:
    """A partition without a vector index, so that loading it is fast. Made aside: nobody waits but writers, briefly."""
    name = _name(generation)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {name} (LIKE retrieval_embedding INCLUDING ALL)")
        cursor.execute(f"ALTER TABLE retrieval_embedding ATTACH PARTITION {name} FOR VALUES IN ({generation:d})")


def has_index(generation: int) -> bool:
    """Whether the vector index is there and whole."""
    return _index_state(generation) is True


def make_index(generation: int, dimensions: int) -> None:
    """The vector index, made while documents come and go; one that a kill left half made is made again."""
    state = _index_state(generation)
    if state is True:
        return
    index = f"{_name(generation)}_hnsw"
    with connection.cursor() as cursor:
        if state is False:
            cursor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index}")
        cursor.execute("SELECT set_config('maintenance_work_mem', %s, false)", [INDEX_MEMORY])
        try:
            cursor.execute(
                f"CREATE INDEX CONCURRENTLY {index} ON {_name(generation)} USING hnsw "
                f"((embedding::halfvec({dimensions:d})) halfvec_cosine_ops) WITH (m = 16, ef_construction = 64)"
            )
        finally:
            cursor.execute("RESET maintenance_work_mem")


def drop_partition(generation: int) -> None:
    """Give its space back, within the caller's transaction. Raises `GenerationRefused` where it is in use."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [WAIT])
            cursor.execute(f"DROP TABLE IF EXISTS {_name(generation)}")
    except OperationalError as exc:  # the lock, in time
        raise GenerationRefused(_("These vectors are in use just now; try again in a moment.")) from exc


def size_bytes(generation: int) -> int:
    """What it takes on disk, index and all; 0 where it is gone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(pg_total_relation_size(to_regclass(%s)), 0)", [_name(generation)])
        return int(cursor.fetchone()[0])


def _index_state(generation: int) -> bool | None:
    """True for a whole index, False for a half made one, None for none."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [f"{_name(generation)}_hnsw"]
        )
        row = cursor.fetchone()
        return None if row is None else bool(row[0])


def _name(generation: int) -> str:
    return f"retrieval_embedding_g{generation:d}"
