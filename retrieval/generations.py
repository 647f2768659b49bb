"""Which embedder's vectors serve, and the exchange of one generation for another. Each has a partition of its own."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from retrieval import partitions
from retrieval.embeddings import Embedder, get_embedder
from retrieval.exceptions import EmbeddingFailed, GenerationChanged, GenerationRefused
from retrieval.models import EmbeddingGeneration

State = EmbeddingGeneration.State

LOCK = 7_140_001
"""Advisory lock of whoever opens a generation."""
SWAP_LOCK = 7_140_002
"""Advisory lock that those who store documents share and that a swap takes alone: it waits for them, they for it."""
MAX_DIMENSIONS = 4000
"""What pgvector can index of halfvec."""


def active_generation() -> EmbeddingGeneration | None:
    """The generation that serves; None before the first document."""
    return EmbeddingGeneration.objects.filter(state=State.ACTIVE).first()


def serves(generation: int) -> bool:
    """Whether it is the active one."""
    return EmbeddingGeneration.objects.filter(pk=generation, state=State.ACTIVE).exists()


def serving_generation() -> tuple[EmbeddingGeneration, Embedder]:
    """The active generation and its embedder; the first caller ever opens it with `AION_EMBEDDER`.

    A later change of `AION_EMBEDDER` leaves it serving until another was built: vectors of two embedders cannot be
    compared. Raises `EmbeddingFailed`.
    """
    generation = active_generation() or _open_first(get_embedder())
    return generation, embedder_of(generation)


def serving_embedder() -> Embedder:
    """The embedder whose vectors are searched; `AION_EMBEDDER` before the first document."""
    generation = active_generation()
    return get_embedder(generation.embedder if generation else None)


def serving_embedder_id() -> str:
    """Its name alone: nothing is loaded."""
    generation = active_generation()
    return generation.embedder if generation else str(settings.AION_EMBEDDER)


def embedder_of(generation: EmbeddingGeneration) -> Embedder:
    """Raises `EmbeddingFailed` where the model behind the name has other dimensions than it had."""
    embedder = get_embedder(generation.embedder)
    require_dimensions(generation.embedder, embedder.dimensions, generation.dimensions)
    return embedder


def require_dimensions(embedder: str, now: int, before: int) -> None:
    """Raises `EmbeddingFailed` where they differ."""
    if now != before:
        numbers = {"embedder": embedder, "now": now, "before": before}
        raise EmbeddingFailed(
            _("“%(embedder)s” now gives vectors of %(now)d dimensions; those stored have %(before)d.") % numbers
        )


def open_generation() -> EmbeddingGeneration:
    """The generation of `AION_EMBEDDER`, to be filled aside: a new one, or the one that was begun or retired.

    Raises `EmbeddingFailed`, or `GenerationRefused` where it serves already or another is being built.
    """
    embedder = get_embedder()
    _require_indexable(embedder)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        known = EmbeddingGeneration.objects.filter(embedder=embedder.id, dimensions=embedder.dimensions)
        if known.filter(state=State.ACTIVE).exists():
            raise GenerationRefused(_("“%(embedder)s” serves already.") % {"embedder": embedder.id})
        if active_generation() is None:
            raise GenerationRefused(_("There are no documents yet: the first one opens the vectors of its embedder."))
        if kept := known.order_by("state", "-pk").first():
            return kept
        if other := EmbeddingGeneration.objects.filter(state=State.BUILDING).first():
            raise GenerationRefused(
                _("“%(embedder)s” is being built. Put it in service or discard it first.")
                % {"embedder": other.embedder}
            )
        generation = EmbeddingGeneration.objects.create(embedder=embedder.id, dimensions=embedder.dimensions)
        partitions.open_partition(generation.pk)
        return generation


def keep_serving(generation: int) -> None:
    """No swap until the caller's transaction ends. Raises `GenerationChanged` where another generation serves."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [SWAP_LOCK])
    if not serves(generation):
        raise GenerationChanged


def hold_writers() -> None:
    """Nobody stores a document until the caller's transaction ends; those who were at it have done so."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SWAP_LOCK])


def discard(generation_id: int) -> None:
    """Drop a generation that does not serve, with its vectors. Raises `GenerationRefused`."""
    with transaction.atomic():
        generation = EmbeddingGeneration.objects.select_for_update().filter(pk=generation_id).first()
        if generation is None:
            raise GenerationRefused(_("These vectors are gone already."))
        if generation.state == State.ACTIVE:
            raise GenerationRefused(_("These vectors serve: put others in service first."))
        partitions.drop_partition(generation.pk)
        generation.delete()


def _open_first(embedder: Embedder) -> EmbeddingGeneration:
    _require_indexable(embedder)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        if generation := active_generation():
            return generation
        generation = EmbeddingGeneration.objects.create(
            embedder=embedder.id, dimensions=embedder.dimensions, state=State.ACTIVE
        )
        cursor.execute("SELECT retrieval_make_partition(%s, %s)", [generation.pk, embedder.dimensions])
        return generation


def _require_indexable(embedder: Embedder) -> None:
    if embedder.dimensions > MAX_DIMENSIONS:
        numbers = {"embedder": embedder.id, "count": embedder.dimensions, "limit": MAX_DIMENSIONS}
        raise EmbeddingFailed(
            _("“%(embedder)s” gives vectors of %(count)d dimensions; the database can search up to %(limit)d.")
            % numbers
        )
