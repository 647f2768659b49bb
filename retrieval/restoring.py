"""An earlier version of a document made the newest: chunked as it was, embedded anew, stored whole or not at all."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from retrieval.chunking import ChunkDraft, ChunkedDocument
from retrieval.exceptions import GenerationChanged, VersionRefused
from retrieval.generations import keep_serving, serving_generation
from retrieval.ingestion import Progress, embedded
from retrieval.models import Document, DocumentVersion
from retrieval.storage import Origin, Place, Stored, find_same_bytes, lock, store


def restore_version(document_id: UUID, number: int, *, tenant: str | None = None) -> Stored:
    """The document says what its version `number` said, as a new version; what it says now is kept as one.

    Raises `VersionRefused` where either is gone, or another document already says the same, and `EmbeddingFailed`.
    """
    version = find_version(document_id, number, tenant=tenant)
    refuse_what_is_stored(version)
    document = version.document
    place = Place(document.tenant, document.collection)
    origin = Origin(
        document.source, version.title, version.media_type, version.sha256, version.size_bytes, document.url
    )
    content = _content_of(version)
    while True:
        generation, embedder = serving_generation()
        vectors = embedded(version.title, content, embedder, Progress(document.source, 1, 1))
        try:
            with transaction.atomic():
                keep_serving(generation.pk)
                lock(place, origin)
                refuse_what_is_stored(find_version(document_id, number, tenant=tenant))  # embedding took its time
                return store(place, origin, content, vectors, generation=generation.pk)
        except GenerationChanged:
            continue  # another embedder was put in service meanwhile


def find_version(document_id: UUID, number: int, *, tenant: str | None = None) -> DocumentVersion:
    """Raises `VersionRefused` where the document or the version is gone."""
    here = {"document": document_id, "document__tenant": tenant or settings.PRIMARY_TENANT_ID, "number": number}
    found = DocumentVersion.objects.filter(**here).select_related("document").defer("document__text").first()
    if found is None:
        raise VersionRefused(_("This version is not kept any more."))
    return found


def refuse_what_is_stored(version: DocumentVersion) -> None:
    """The same bytes are one document: restored twice, one of the two would have to go. Raises `VersionRefused`."""
    document: Document = version.document
    same = find_same_bytes(Place(document.tenant, document.collection), version.sha256)
    if same is not None and same.pk == document.pk:
        raise VersionRefused(_("The document says this already."))
    if same is not None:
        raise VersionRefused(_("Another document says exactly this by now. Delete that one first."))


def _content_of(version: DocumentVersion) -> ChunkedDocument:
    text: str = version.text
    drafts = (
        ChunkDraft(text[start:end], start, end, section, page, tokens)
        for start, end, section, page, tokens in version.places
    )
    return ChunkedDocument(text, tuple(drafts))
