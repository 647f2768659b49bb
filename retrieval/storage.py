"""Writing a document: whole or not at all, under a lock of its own. The old version serves until then."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from retrieval.chunking import ChunkDraft, ChunkedDocument, embedded_text
from retrieval.generations import keep_serving
from retrieval.models import Chunk, Document, Embedding, Posting
from retrieval.text import tokens
from retrieval.vectors import Vectors
from retrieval.versions import keep_version

MAX_FREQUENCY = 32_767
PART_MARK = "/#"
"""Between a file's source and a part's name: no file can lie below a file, so it is no other file's source."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document belongs and who may find it."""

    tenant: str
    collection: str = "main"
    labels: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Origin:
    """What a document was made from; `source` is its identity within a collection, `sha256` that of its bytes.
    `unread` says what of it could not be read, `needs_ocr` that text recognition would."""

    source: str
    title: str
    media_type: str
    sha256: str
    size_bytes: int
    url: str = ""
    unread: str = ""
    needs_ocr: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """The document that holds these bytes; `was` is "new", "replaced", "unchanged" or another source's "duplicate",
    "marked otherwise" where that one lacks a label or a group that was named now. `unread` and `needs_ocr` as in
    `Origin`."""

    document_id: uuid.UUID
    title: str
    was: str
    chunks: int
    unread: str = ""
    needs_ocr: bool = False


def find_same_bytes(place: Place, sha256: str) -> Document | None:
    return (
        Document.objects.filter(tenant=place.tenant, collection=place.collection, sha256=sha256).defer("text").first()
    )


def find_source(place: Place, source: str) -> Document | None:
    return (
        Document.objects.filter(tenant=place.tenant, collection=place.collection, source=source).defer("text").first()
    )


def keep_same_bytes(place: Place, origin: Origin) -> Stored | None:
    """The document that already holds these bytes, if any; one that `origin.source` held before is dropped, since its
    source now says what the other document does."""
    with transaction.atomic():
        lock(place, origin)
        return _same_bytes_kept(place, origin)


def of_file(place: Place, source: str) -> QuerySet[Document]:
    """The documents that a file gave: one, or one a part."""
    held = Document.objects.filter(tenant=place.tenant, collection=place.collection)
    return held.filter(Q(source=source) | Q(source__startswith=f"{source}{PART_MARK}"))


def drop_other_parts(place: Place, source: str, kept: Sequence[str]) -> None:
    """Remove what earlier versions of a file held and its newest does not."""
    of_file(place, source).exclude(source__in=kept).only("pk").delete()


def store(place: Place, origin: Origin, content: ChunkedDocument, vectors: Vectors, *, generation: int) -> Stored:
    """Store the document in one transaction; `vectors` is (chunks, dimensions).

    An earlier version of the same source is replaced and keeps its id and dates, and its labels and groups where
    `place` names none, so that a re-read never opens a document that somebody closed. What it said is kept. One whose
    scanned pages could not be read is replaced by the same bytes, once they can be. Raises `GenerationChanged` where
    `generation` serves no more.
    """
    with transaction.atomic():
        keep_serving(generation)
        lock(place, origin)
        kept = _same_bytes_kept(place, origin)
        if kept and (origin.needs_ocr or not kept.needs_ocr):
            return kept
        old = Document.objects.get(pk=kept.document_id) if kept else find_source(place, origin.source)
        document = _write_document(place, origin, content, old)
        chunks = _write_chunks(document, content.chunks)
        document.term_count = _write_postings(document, chunks)
        document.save(update_fields=["term_count"])
        _write_embeddings(document, chunks, vectors, generation)
        was = "new" if old is None else "replaced"
        return Stored(document.pk, document.title, was, len(chunks), origin.unread, origin.needs_ocr)


def _same_bytes_kept(place: Place, origin: Origin) -> Stored | None:
    same = find_same_bytes(place, origin.sha256)
    if same is None:
        return None
    old = find_source(place, origin.source)
    if old is not None and old.pk != same.pk:
        old.delete()
    if same.source != origin.source:
        differs = any(set(new) - set(old) for new, old in ((place.labels, same.labels), (place.groups, same.groups)))
        return _kept(same, "marked otherwise" if differs else "duplicate")
    if same.state == Document.State.OUTDATED:
        same.state, same.error = Document.State.READY, ""
    Document.objects.filter(pk=same.pk).update(
        state=same.state,
        error=same.error,
        labels=list(place.labels or same.labels),
        groups=list(place.groups or same.groups),
    )
    return _kept(same, "unchanged")


def _kept(document: Document, was: str) -> Stored:
    needs_ocr = document.state == Document.State.NEEDS_OCR
    return Stored(document.pk, document.title, was, document.chunk_count, document.error, needs_ocr)


def lock(place: Place, origin: Origin) -> None:
    """Wait for whoever writes the same source or bytes; in one order, so that two never wait for each other."""
    names = (f"{place.tenant}\0{place.collection}\0{identity}" for identity in (origin.source, origin.sha256))
    keys = sorted(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True) for name in names)
    with connection.cursor() as cursor:
        for key in keys:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [key])


def _write_document(place: Place, origin: Origin, content: ChunkedDocument, old: Document | None) -> Document:
    document = old or Document(tenant=place.tenant, collection=place.collection, source=origin.source)
    if old is not None:
        keep_version(old)
        _delete_content(old)
        document.version = old.version + 1
    document.title = origin.title
    document.url = origin.url
    document.media_type = origin.media_type
    document.sha256 = origin.sha256
    document.size_bytes = origin.size_bytes
    document.labels = list(place.labels or document.labels)
    document.groups = list(place.groups or document.groups)
    document.state = Document.State.NEEDS_OCR if origin.needs_ocr else Document.State.READY
    document.error = origin.unread
    document.text = content.text
    document.chunk_count = len(content.chunks)
    document.save()
    document.refresh_from_db(fields=["shelf"])  # the database put it there
    return document


def _delete_content(document: Document) -> None:
    # Whoever gives its chunks vectors of another generation has done so, or comes after and finds them gone.
    Document.objects.select_for_update().only("pk").get(pk=document.pk)
    Embedding.objects.filter(document=document).delete()
    Posting.objects.filter(document=document).delete()
    document.chunks.all().delete()


def _write_chunks(document: Document, drafts: Sequence[ChunkDraft]) -> list[Chunk]:
    chunks = [
        Chunk(
            document=document,
            ordinal=ordinal,
            section=draft.section,
            page=draft.page,
            text=draft.text,
            start=draft.start,
            end=draft.end,
            token_count=draft.token_count,
            term_count=len(tokens(embedded_text(document.title, draft.section, draft.text))),
        )
        for ordinal, draft in enumerate(drafts)
    ]
    return Chunk.objects.bulk_create(chunks, batch_size=1000)


def _write_postings(document: Document, chunks: Sequence[Chunk]) -> int:
    """Term frequencies of every chunk; returns the document's number of terms."""
    columns = "(term, chunk_id, document_id, shelf_id, frequency, length)"
    with connection.cursor() as cursor, cursor.copy(f"COPY retrieval_posting {columns} FROM STDIN") as copy:
        for chunk in chunks:
            counts = Counter(tokens(embedded_text(document.title, chunk.section, chunk.text)))
            for term, count in counts.items():
                frequency = min(count, MAX_FREQUENCY)
                copy.write_row((term, chunk.pk, document.pk, document.shelf_id, frequency, chunk.term_count))
    return sum(chunk.term_count for chunk in chunks)


def _write_embeddings(document: Document, chunks: Sequence[Chunk], vectors: Vectors, generation: int) -> None:
    columns = "(generation, chunk_id, document_id, shelf_id, embedding)"
    with connection.cursor() as cursor, cursor.copy(f"COPY retrieval_embedding {columns} FROM STDIN") as copy:
        for chunk, vector in zip(chunks, vectors, strict=True):
            copy.write_row((generation, chunk.pk, document.pk, document.shelf_id, vector_literal(vector)))


def vector_literal(vector: Vectors) -> str:
    """pgvector's text form."""
    return "[" + ",".join(f"{value:.7g}" for value in vector.tolist()) + "]"
