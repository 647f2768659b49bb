"""A generation of embeddings filled aside while another serves, and put in its place in one transaction.

What is missing is what the database says: chunks without a vector of this generation. So whoever is killed goes on
where it was, and documents that arrive or change meanwhile are found like any other; those that vanish take their
vectors along. One builder at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from retrieval import partitions
from retrieval.chunking import embedded_text
from retrieval.embeddings import Embedder
from retrieval.exceptions import EmbeddingFailed, GenerationRefused
from retrieval.generations import embedder_of, hold_writers
from retrieval.models import EmbeddingGeneration
from retrieval.storage import vector_literal

State = EmbeddingGeneration.State
BATCH = 128
"""Chunks embedded and stored together: what a kill costs, and what a swap still embeds itself; seconds."""
BUILD_LOCK = 7_140_003
"""Advisory lock of the one builder, kept by its connection: a database still indexing for a dead one keeps it, too."""
NOTED_EVERY_S = 2.0

MISSING = """
SELECT c.id, c.document_id, d.title, c.section, c.text
FROM retrieval_chunk c JOIN retrieval_document d ON d.id = c.document_id
WHERE c.id > %s AND NOT EXISTS (
    SELECT 1 FROM retrieval_embedding e WHERE e.generation = %s AND e.chunk_id = c.id
) ORDER BY c.id LIMIT %s
"""
COUNTS = """
SELECT (SELECT count(*) FROM retrieval_embedding WHERE generation = %s), (SELECT count(*) FROM retrieval_chunk)
"""


@dataclass(frozen=True, slots=True)
class Missing:
    """A chunk without a vector, as it is embedded."""

    chunk_id: int
    document_id: UUID
    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Chunks done of all; `chunks_per_second` is of this run, 0 while unknown."""

    done: int
    total: int
    chunks_per_second: float = 0.0

    @property
    def seconds_left(self) -> float | None:
        """None while unknown."""
        return max(0, self.total - self.done) / self.chunks_per_second if self.chunks_per_second else None


def _silent(progress: Progress) -> None:
    """Nobody watches."""


Watch = Callable[[Progress], None]


def build(generation_id: int, *, watch: Watch = _silent) -> None:
    """Embed what is missing, then make the index. Raises `GenerationRefused`, `EmbeddingFailed`, `DatabaseError`."""
    with _alone():
        generation, embedder = _taken_up(generation_id)
        try:
            _fill(generation, embedder, watch)
            partitions.make_index(generation.pk, generation.dimensions)
            _fill(generation, embedder, watch)  # what came while the index was made
        except EmbeddingFailed as exc:
            EmbeddingGeneration.objects.filter(pk=generation_id).update(error=str(exc))
            raise


def switch(generation_id: int, *, watch: Watch = _silent) -> None:
    """Let a generation serve as soon as it holds everything. Raises as `build` does."""
    build(generation_id, watch=watch)
    while not swap(generation_id):
        build(generation_id, watch=watch)


def swap(generation_id: int) -> bool:
    """Let a built generation serve, in one transaction that first embeds what came since; the one before is retired.

    False where more is missing than that may take: build again. Raises `GenerationRefused` or `EmbeddingFailed`.
    """
    generation, embedder = _taken_up(generation_id)
    if not partitions.has_index(generation.pk):
        return False
    with transaction.atomic():
        hold_writers()
        _hold(generation.pk)
        missing = missing_chunks(generation.pk, limit=BATCH + 1)
        if len(missing) > BATCH:
            return False
        if missing:
            _add(generation.pk, embedder, missing)
        EmbeddingGeneration.objects.filter(state=State.ACTIVE).update(state=State.RETIRED)
        EmbeddingGeneration.objects.filter(pk=generation.pk).update(state=State.ACTIVE)
    return True


def missing_chunks(generation: int, *, after: int = 0, limit: int = BATCH) -> list[Missing]:
    """The next chunks past the id `after` that this generation lacks."""
    with connection.cursor() as cursor:
        cursor.execute(MISSING, [after, generation, limit])
        return [Missing(row[0], row[1], embedded_text(*row[2:])) for row in cursor.fetchall()]


def progress_of(generation: EmbeddingGeneration) -> Progress:
    """How far it is, by the database."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, [generation.pk])
        done, total = cursor.fetchone()
    return Progress(done, total, generation.chunks_per_second)


def is_being_built() -> bool:
    """Whether somebody, in whatever process, is at it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = 0 "
            "AND objid = %s AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [BUILD_LOCK],
        )
        return bool(cursor.fetchone()[0])


@contextmanager
def _alone() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [BUILD_LOCK])
        if not cursor.fetchone()[0]:
            raise GenerationRefused(_("Vectors are being built already; wait until that is done."))
        try:
            yield
        finally:
            if connection.connection is not None and not connection.connection.closed:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [BUILD_LOCK])


def _taken_up(generation_id: int) -> tuple[EmbeddingGeneration, Embedder]:
    generation = EmbeddingGeneration.objects.filter(pk=generation_id).first()
    if generation is None:
        raise GenerationRefused(_("These vectors are gone already."))
    if generation.state == State.ACTIVE:
        raise GenerationRefused(_("“%(embedder)s” serves already.") % {"embedder": generation.embedder})
    return generation, embedder_of(generation)


def _fill(generation: EmbeddingGeneration, embedder: Embedder, watch: Watch) -> None:
    """Pass after pass over the chunks, until one finds nothing missing."""
    EmbeddingGeneration.objects.filter(pk=generation.pk).update(error="")
    start = progress_of(generation)
    began, noted, done, after = time.monotonic(), 0.0, start.done, 0
    watch(start)
    while True:
        missing = missing_chunks(generation.pk, after=after)
        if not missing and after == 0:
            return
        after = missing[-1].chunk_id if missing else 0
        done += _add(generation.pk, embedder, missing)
        now = time.monotonic()
        progress = Progress(done, max(start.total, done), (done - start.done) / max(now - began, 1e-3))
        watch(progress)
        if now - noted >= NOTED_EVERY_S:
            noted = now
            EmbeddingGeneration.objects.filter(pk=generation.pk).update(chunks_per_second=progress.chunks_per_second)


def _add(generation: int, embedder: Embedder, missing: Sequence[Missing]) -> int:
    """Embed and store them; returns how many there still were to store.

    Documents are locked while it is asked what of them is left and where they stand, so that none is given vectors that
    it has lost, nor put on a shelf that it has left: shelves decide who may find it.
    """
    vectors = embedder.passages([chunk.text for chunk in missing])
    documents = sorted({chunk.document_id for chunk in missing})
    with transaction.atomic(), connection.cursor() as cursor:
        _hold(generation)
        cursor.execute(
            "SELECT id, shelf_id FROM retrieval_document WHERE id = ANY(%s) ORDER BY id FOR SHARE", [documents]
        )
        shelves = dict(cursor.fetchall())
        cursor.execute("SELECT id FROM retrieval_chunk WHERE id = ANY(%s)", [[chunk.chunk_id for chunk in missing]])
        left = {row[0] for row in cursor.fetchall()}
        columns = "(generation, chunk_id, document_id, shelf_id, embedding)"
        with cursor.copy(f"COPY retrieval_embedding {columns} FROM STDIN") as copy:
            for chunk, vector in zip(missing, vectors, strict=True):
                if chunk.chunk_id in left:
                    place = shelves[chunk.document_id]
                    row = (generation, chunk.chunk_id, chunk.document_id, place, vector_literal(vector))
                    copy.write_row(row)
    return len(left)


def _hold(generation: int) -> None:
    """It is neither discarded nor put in service by another until the caller's transaction ends."""
    rows = EmbeddingGeneration.objects.select_for_update().filter(pk=generation).exclude(state=State.ACTIVE)
    if rows.first() is None:
        raise GenerationRefused(_("These vectors were discarded or put in service meanwhile."))
