"""From files to documents: parse, chunk, embed, store. What cannot be read is reported, and nothing of it is stored."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from retrieval.chunking import ChunkedDocument, chunk, embedded_text
from retrieval.embeddings import Embedder
from retrieval.exceptions import DocumentRejected, GenerationChanged, RejectionCode
from retrieval.gaps import needs_ocr, told
from retrieval.generations import serving_generation
from retrieval.models import Document, Shelf
from retrieval.parsing import ocr
from retrieval.parsing.blocks import Block, BlockKind, Limits, ParsedDocument, Unparsable
from retrieval.parsing.formats import MEDIA_TYPES
from retrieval.parsing.sandbox import Parser
from retrieval.storage import PART_MARK, Origin, Place, Stored, drop_other_parts, find_source, keep_same_bytes, store
from retrieval.vectors import Vectors

log = logging.getLogger(__name__)
EMBEDDED_AT_ONCE = 64


class Status(StrEnum):
    STORED = "stored"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class DocumentOutcome:
    """What became of one document. `code` and `reason` say why it was skipped, `reason` also what else is to know;
    `code` is "needs_ocr" where it was kept though scanned pages could not be read."""

    path: str
    status: Status
    title: str = ""
    document_id: uuid.UUID | None = None
    chunks: int = 0
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class IngestReport:
    documents: tuple[DocumentOutcome, ...]

    def count(self, status: Status) -> int:
        return sum(1 for outcome in self.documents if outcome.status is status)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return {
            **{status.value: self.count(status) for status in Status},
            "chunks": sum(outcome.chunks for outcome in self.documents),
            "documents": [
                asdict(outcome) | {"document_id": str(outcome.document_id) if outcome.document_id else None}
                for outcome in self.documents
            ],
        }


@dataclass(frozen=True, slots=True)
class Progress:
    """Where an ingestion stands: file `file` of `files`, chunk `done` of `total` of the present document."""

    path: str
    file: int
    files: int
    done: int = 0
    total: int = 0


def _silent(progress: Progress) -> None:
    """Nobody watches."""


def ingest(
    paths: Iterable[Path],
    *,
    tenant: str,
    collection: str = "main",
    labels: Sequence[str] = (),
    groups: Sequence[str] = (),
    source: str = "",
    name: str = "",
    limits: Limits | None = None,
    progress: Callable[[Progress], None] = _silent,
) -> IngestReport:
    """Bring in files and, recursively, folders; returns what became of each.

    A file is stored whole or not at all; the same bytes are stored once; new bytes of the same path replace the old
    document, which is found until then. `labels` and `groups` left empty keep what a document has. `source` and
    `name` stand for a single file's path and name where it is kept under another (an upload). Raises `EmbeddingFailed`
    when no vectors can be made.
    """
    place = Place(tenant, collection, tuple(labels), tuple(groups))
    files = list(_files(paths))
    outcomes: list[DocumentOutcome] = []
    with Parser(limits) as parser:
        for number, path in enumerate(files, start=1):
            here = Progress(spelled(path), number, len(files))
            progress(here)
            origin = source or spelled(path.resolve())
            outcomes.extend(ingest_file(path, name, origin, place, parser, here, progress))
    return IngestReport(tuple(outcomes))


def ingest_text(
    title: str,
    text: str = "",
    *,
    tenant: str,
    passages: Sequence[str] = (),
    collection: str = "main",
    labels: Sequence[str] = (),
    groups: Sequence[str] = (),
    source: str = "",
) -> DocumentOutcome:
    """Bring in text that is no file: `passages` become a chunk each, `text` is chunked. Raises `DocumentRejected`."""
    blocks = tuple(Block(BlockKind.PASSAGE, passage) for passage in passages if passage.strip())
    blocks += tuple(Block(BlockKind.PARAGRAPH, paragraph) for paragraph in text.split("\n\n") if paragraph.strip())
    if not blocks:
        raise DocumentRejected(RejectionCode.EMPTY)
    parsed = ParsedDocument(title, "text/plain", blocks)
    size = sum(len(block.text.encode()) for block in blocks)
    origin = Origin(source or f"text:{title}", title, "text/plain", _digest_of(parsed), size)
    place = Place(tenant, collection, tuple(labels), tuple(groups))
    return _ingest_document(parsed, origin, place, Progress(origin.source, 1, 1), _silent)


def ingest_page(parsed: ParsedDocument, *, url: str, size_bytes: int, place: Place) -> DocumentOutcome:
    """Bring in a page of the web that was parsed already; its address is its source.

    Its identity is its text, not its bytes: many sites send other bytes each time. Raises `EmbeddingFailed`.
    """
    origin = Origin(url, parsed.title, parsed.media_type, _digest_of(parsed), size_bytes, url)
    return _ingest_document(parsed, origin, place, Progress(url, 1, 1), _silent)


def delete_collection(name: str, *, tenant: str | None = None) -> int:
    """Remove a collection with all it holds; returns the number of documents."""
    here = {"tenant": tenant or settings.PRIMARY_TENANT_ID, "collection": name}
    with transaction.atomic():
        count = Document.objects.filter(**here).only("pk").delete()[1].get("retrieval.Document", 0)
        Shelf.objects.filter(**here).delete()
    return count


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    """Files as given; of folders those whose type is supported, hidden ones and links left out."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            is_hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            if found.is_file() and not found.is_symlink() and not is_hidden:
                yield found


def spelled(path: Path) -> str:
    """The path as text that can be stored and shown: a file system's names are bytes, not always UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def ingest_file(
    path: Path,
    name: str,
    source: str,
    place: Place,
    parser: Parser,
    here: Progress,
    progress: Callable[[Progress], None] = _silent,
) -> Iterator[DocumentOutcome]:
    """As `ingest`, of one file, by a parser that the caller keeps for the next; happens as it is iterated."""
    try:
        size, digest = _measured(path, parser.limits)
        kept = keep_same_bytes(place, Origin(source, "", "", digest, size))
        if kept and not (kept.needs_ocr and ocr.is_installed()):
            yield _outcome(here.path, kept)
            return
        parsed = parser.parse(path, name=name or Path(here.path).name)
    except Unparsable as exc:
        yield rejected(here.path, source, place, exc)
        return
    sources: list[str] = []
    for document in parsed:
        sources.append(f"{source}{PART_MARK}{document.part}" if document.part else source)
        part_digest = _digest_of(document) if document.part else digest
        origin = Origin(
            sources[-1],
            document.title,
            document.media_type,
            part_digest,
            size,
            unread=told(document.gaps),
            needs_ocr=needs_ocr(document.gaps),
        )
        yield _ingest_document(document, origin, place, here, progress)
    drop_other_parts(place, source, sources)


def _measured(path: Path, limits: Limits) -> tuple[int, str]:
    """Size and SHA-256; a file too large is refused before it is read."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise Unparsable(RejectionCode.UNREADABLE, "not a regular file")
        if size > limits.file_bytes:
            raise Unparsable(RejectionCode.TOO_LARGE, f"{size} bytes")
        if path.suffix.lower() not in MEDIA_TYPES:
            raise Unparsable(RejectionCode.UNSUPPORTED, path.suffix)
        with path.open("rb") as file:
            return size, hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise Unparsable(RejectionCode.UNREADABLE, str(exc)) from exc


def _digest_of(document: ParsedDocument) -> str:
    """Identity of a document that has no bytes of its own."""
    content = json.dumps([document.title, [block.text for block in document.blocks]], ensure_ascii=False)
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


def rejected(path: str, source: str, place: Place, why: Unparsable) -> DocumentOutcome:
    """Report the file; an earlier version goes on serving and says that it is outdated, where it was read whole."""
    rejection = DocumentRejected(why.code, why.detail)
    log.warning("%s was not ingested: %s (%s)", path, why.code, why.detail)
    old = find_source(place, source)
    if old is not None:
        read = Document.objects.filter(pk=old.pk).exclude(state=Document.State.NEEDS_OCR)
        read.update(state=Document.State.OUTDATED, error=str(rejection))
    return DocumentOutcome(path, Status.SKIPPED, code=why.code, reason=str(rejection))


def _ingest_document(
    document: ParsedDocument, origin: Origin, place: Place, here: Progress, progress: Callable[[Progress], None]
) -> DocumentOutcome:
    while True:
        generation, embedder = serving_generation()
        kept = keep_same_bytes(place, origin)
        if kept and (origin.needs_ocr or not kept.needs_ocr):
            return _outcome(here.path, kept)
        content = chunk(document.blocks, title=document.title, count_tokens=embedder.token_count)
        vectors = embedded(document.title, content, embedder, here, progress)
        try:
            stored = store(place, origin, content, vectors, generation=generation.pk)
        except GenerationChanged:
            continue  # another embedder was put in service meanwhile
        progress(replace(here, done=len(vectors), total=len(vectors)))
        return _outcome(here.path, stored)


def embedded(
    title: str,
    content: ChunkedDocument,
    embedder: Embedder,
    here: Progress,
    progress: Callable[[Progress], None] = _silent,
) -> Vectors:
    """The chunks' vectors, (chunks, dimensions), some at a time. Raises `EmbeddingFailed`."""
    texts = [embedded_text(title, draft.section, draft.text) for draft in content.chunks]
    vectors = np.empty((len(texts), embedder.dimensions), np.float32)
    for first in range(0, len(texts), EMBEDDED_AT_ONCE):
        progress(replace(here, done=first, total=len(texts)))
        vectors[first : first + EMBEDDED_AT_ONCE] = embedder.passages(texts[first : first + EMBEDDED_AT_ONCE])
    return vectors


def _outcome(path: str, stored: Stored) -> DocumentOutcome:
    status = {"new": Status.STORED, "replaced": Status.REPLACED}.get(stored.was, Status.UNCHANGED)
    reason = ""
    if stored.was == "duplicate":
        reason = _("The same content is already stored under another name.")
    elif stored.was == "marked otherwise":
        reason = _("The same content is already stored as “%(title)s”, whose labels and groups were not changed.")
        reason %= {"title": stored.title}
    reason = " ".join(filter(None, (reason, stored.unread)))
    code = RejectionCode.NEEDS_OCR if stored.needs_ocr else ""
    return DocumentOutcome(path, status, stored.title, stored.document_id, stored.chunks, code=code, reason=reason)
