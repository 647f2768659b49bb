"""What staff do to documents that are already here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from django.conf import settings

from retrieval.models import Document


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


def set_validity(document_id: UUID, first: date | None, last: date | None, *, tenant: str | None = None) -> bool:
    """From its next search on a document is found from `first` to `last` only, both included, None being no limit.

    False if there is none. `first` must not be after `last`.
    """
    found = Document.objects.filter(pk=document_id, tenant=tenant or settings.PRIMARY_TENANT_ID)
    return found.update(valid_from=first, valid_until=last) > 0


def _names(names: Sequence[str]) -> list[str]:
    return sorted({name.strip() for name in names if name.strip()})
