"""Which embedder's vectors serve. Each generation has a partition and an index of its own, made when it is opened."""

from __future__ import annotations

from django.db import connection, transaction

from retrieval.embeddings import Embedder, get_embedder
from retrieval.models import EmbeddingGeneration

LOCK = 7_140_001
"""Advisory lock of whoever opens a generation."""


def active_generation() -> EmbeddingGeneration | None:
    """The generation that serves; None before the first document."""
    return EmbeddingGeneration.objects.filter(state=EmbeddingGeneration.State.ACTIVE).first()


def serving_generation() -> tuple[EmbeddingGeneration, Embedder]:
    """The active generation and its embedder; the first caller ever opens it with `AION_EMBEDDER`.

    A later change of `AION_EMBEDDER` leaves it serving: vectors of two embedders cannot be compared.
    """
    generation = active_generation() or _open_first(get_embedder())
    return generation, get_embedder(generation.embedder)


def _open_first(embedder: Embedder) -> EmbeddingGeneration:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        if generation := active_generation():
            return generation
        generation = EmbeddingGeneration.objects.create(
            embedder=embedder.id, dimensions=embedder.dimensions, state=EmbeddingGeneration.State.ACTIVE
        )
        cursor.execute("SELECT retrieval_make_partition(%s, %s)", [generation.pk, embedder.dimensions])
        return generation
