"""What staff do to documents that are already here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Sum

from retrieval.generations import active_generation
from retrieval.models import Document


@dataclass(frozen=True, slots=True)
class CollectionStatistics:
    collection: str
    documents: int
    chunks: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class KnowledgeStatistics:
    """What a tenant's documents amount to; `embedder` is empty before the first document."""

    collections: tuple[CollectionStatistics, ...]
    outdated: int
    embedder: str
    generation: int | None

    @property
    def documents(self) -> int:
        return sum(collection.documents for collection in self.collections)

    @property
    def chunks(self) -> int:
        return sum(collection.chunks for collection in self.collections)


def delete_document(document_id: UUID, *, tenant: str | None = None) -> bool:
    """Remove a document with its chunks, vectors and postings at once; False if there is none (any more)."""
    found = Document.objects.filter(pk=document_id, tenant=tenant or settings.PRIMARY_TENANT_ID)
    return found.only("pk").delete()[0] > 0


def set_labels(document_id: UUID, labels: Sequence[str], *, tenant: str | None = None) -> bool:
    """Replace a document's labels, from its next search on; False if there is none."""
    found = Document.objects.filter(pk=document_id, tenant=tenant or settings.PRIMARY_TENANT_ID)
    return found.update(labels=_names(labels)) > 0


def set_groups(document_id: UUID, groups: Sequence[str], *, tenant: str | None = None) -> bool:
    """Replace who may find a document (nobody named: everyone), from its next search on; False if there is none."""
    found = Document.objects.filter(pk=document_id, tenant=tenant or settings.PRIMARY_TENANT_ID)
    return found.update(groups=_names(groups)) > 0


def knowledge_statistics(*, tenant: str | None = None) -> KnowledgeStatistics:
    """Counts by collection, the largest first."""
    documents = Document.objects.filter(tenant=tenant or settings.PRIMARY_TENANT_ID)
    rows = (
        documents.values("collection")
        .annotate(held=Count("pk"), passages=Sum("chunk_count"), size=Sum("size_bytes"))
        .order_by("-passages", "collection")
    )
    generation = active_generation()
    return KnowledgeStatistics(
        collections=tuple(
            CollectionStatistics(row["collection"], row["held"], row["passages"], row["size"]) for row in rows
        ),
        outdated=documents.filter(state=Document.State.OUTDATED).count(),
        embedder=generation.embedder if generation else "",
        generation=generation.pk if generation else None,
    )


def _names(names: Sequence[str]) -> list[str]:
    return sorted({name.strip() for name in names if name.strip()})
