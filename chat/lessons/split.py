"""What is kept from the training: documents for the examination, and those that not everybody may read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from django.conf import settings

from chat.golden import INSTALLED, GoldenQuestion, Source
from retrieval.models import Chunk, Document
from retrieval.results import RetrievedChunk
from retrieval.text import fold

HELD_OUT_SHARE = 0.25


def is_held_out(document_key: str) -> bool:
    """Whether a document, by its title, is for the examination only. For ever: it turns on nothing but the title,
    however that is spelt, so neither a newer version, another name of the file nor a deletion moves it."""
    digest = hashlib.sha256(f"aion examination:{normal(document_key)}".encode()).digest()
    return int.from_bytes(digest[:8]) < HELD_OUT_SHARE * 2**64


def key_of(name: str) -> str:
    """The key of a document that is known by name only, which may be that of its file: `horario-de-verao.md`."""
    return Path(name).stem.replace("-", " ").replace("_", " ")


def normal(text: str) -> str:
    """The same for texts that differ in capitals, accents, spaces or punctuation only."""
    return " ".join("".join(char if char.isalnum() else " " for char in fold(text)).split())


@dataclass(frozen=True)
class Withheld:
    """Documents of which nothing may be taught: `held_out` for the examination, `restricted` to groups (the adapter
    answers everybody), and all that are not `public` any more: of one that was deleted nobody knows who might read it.
    The first come with their titles; `chunks` are theirs and `texts` digests of what they say, since another document
    may say the same."""

    held_out: Mapping[UUID, str] = field(default_factory=dict)
    restricted: frozenset[UUID] = frozenset()
    public: frozenset[UUID] = frozenset()
    chunks: frozenset[int] = frozenset()
    texts: frozenset[bytes] = frozenset()

    @property
    def documents(self) -> frozenset[UUID]:
        return self.restricted | self.held_out.keys()

    def examines_golden(self, golden: GoldenQuestion, source: Source) -> bool:
        """Whether a golden question is about a held out document; one that is about none is its own document."""
        if source.known:
            inside = source.hidden_passage.chunk_ids & self.chunks
            return bool(inside or source.hidden_document.document_ids & self.held_out.keys())
        return is_held_out(key_of(golden.document) if golden.document else golden.text)

    def title_of(self, source: Source) -> str:
        """Of the held out document that a golden question is about; "" where it is another that says the same."""
        named = [self.held_out[each] for each in source.hidden_document.document_ids if each in self.held_out]
        return min(named, default="")

    def examines(self, chunk: RetrievedChunk) -> bool:
        return chunk.document_id in self.held_out or is_held_out(chunk.title) or digest(chunk.text) in self.texts

    def restricts(self, chunk: RetrievedChunk) -> bool:
        return chunk.document_id not in self.public

    def shown(self, chunks: Iterable[RetrievedChunk]) -> tuple[RetrievedChunk, ...]:
        """Those that a lesson may show."""
        return tuple(chunk for chunk in chunks if not self.examines(chunk) and not self.restricts(chunk))


def withheld() -> Withheld:
    """What is withheld of the documents installed now."""
    installed = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection=INSTALLED)
    rows = list(installed.values_list("id", "title", "groups"))
    held_out = {document: title for document, title, _groups in rows if is_held_out(title)}
    said = dict(Chunk.objects.filter(document__in=held_out).values_list("id", "text").iterator())
    return Withheld(
        held_out=held_out,
        restricted=frozenset(document for document, _title, groups in rows if groups),
        public=frozenset(document for document, _title, groups in rows if not groups),
        chunks=frozenset(said),
        texts=frozenset(map(digest, said.values())),
    )


def digest(text: str) -> bytes:
    """The same for texts that say the same word by word."""
    return hashlib.sha256(normal(text).encode()).digest()
