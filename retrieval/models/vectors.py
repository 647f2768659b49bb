"""What is searched: vectors and words of the chunks.

Two tables are too large and too special for the ORM: `Embedding` (one partition a generation) and `Posting` are made by
SQL in the first migration, written and read by SQL, and deleted with their document by the database. Their models are
there so that Django knows of them, to empty them with the rest when tests do.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from pgvector.django import HalfVectorField

from retrieval.models.knowledge import Document


class EmbeddingGeneration(models.Model):
    """All vectors made by one embedder, in a partition of their own; one generation serves at a time."""

    class State(models.TextChoices):
        BUILDING = "building", _("building")
        ACTIVE = "active", _("active")
        RETIRED = "retired", pgettext_lazy("a generation", "retired")

    embedder = models.TextField(_("embedder"))
    dimensions = models.IntegerField(_("dimensions"))
    state = models.TextField(_("state"), choices=State, default=State.BUILDING)
    chunks_per_second = models.FloatField(_("passages a second"), default=0, editable=False)
    error = models.TextField(_("error"), blank=True, default="", editable=False)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="active"), name="retrieval_one_active_generation"
            ),
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="building"), name="retrieval_one_generation_being_built"
            ),
        ]
        verbose_name = _("embedding generation")
        verbose_name_plural = _("embedding generations")

    def __str__(self) -> str:
        return f"{self.pk}: {self.embedder}"


class Embedding(models.Model):
    """A chunk's vector of one generation; the shelf is its document's, kept so by a trigger."""

    pk = models.CompositePrimaryKey("generation", "chunk_id")
    generation = models.IntegerField()
    chunk_id = models.BigIntegerField()
    document = models.ForeignKey(Document, models.DO_NOTHING, related_name="+")
    shelf_id = models.BigIntegerField()
    embedding = HalfVectorField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.generation}/{self.chunk_id}"


class Posting(models.Model):
    """How often a term stands in a chunk of `length` terms: what BM25 needs."""

    pk = models.CompositePrimaryKey("term", "chunk_id")
    term = models.TextField(db_collation="C")
    chunk_id = models.BigIntegerField()
    document = models.ForeignKey(Document, models.DO_NOTHING, related_name="+")
    shelf_id = models.BigIntegerField()
    frequency = models.SmallIntegerField()
    length = models.IntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.term}/{self.chunk_id}"
