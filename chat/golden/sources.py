"""Where the answers of golden questions stand among the documents that are searched."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from django.conf import settings

from chat.golden.questions import GoldenQuestion
from retrieval.models import Chunk, Document
from retrieval.results import Hidden
from retrieval.text import fold

GRAM = 5
SHORT = 8  # words; so short a passage is looked for as it stands
OVERLAP = 0.3  # share of the shorter text's 5-grams that make two passages the same place

_WORD = re.compile(r"\w+")
_ChunkWords = tuple[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a question's answer stands: empty sets where that is unknown. Chunks of other documents that repeat the
    passage word by word belong to it. `group` keeps a document's questions together in cross-fitting; `has_neighbours`:
    the document has more passages than those that answer."""

    hidden_document: Hidden
    hidden_passage: Hidden
    group: str
    has_neighbours: bool

    @property
    def known(self) -> bool:
        return bool(self.hidden_document.document_ids)


def find_sources(questions: Sequence[GoldenQuestion], collections: Sequence[str]) -> tuple[Source, ...]:
    """For each question, in order, where its answer stands in `collections`."""
    shelf = _Shelf(collections)
    return tuple(shelf.source_of(question) for question in questions)


class _Shelf:
    """The chunks of some collections, by what a golden question calls their document and by their words."""

    def __init__(self, collections: Sequence[str]) -> None:
        rows = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection__in=collections)
        self._titles: dict[str, list[UUID]] = {}
        self._files: dict[str, list[UUID]] = {}
        for document_id, title, source in rows.values_list("id", "title", "source"):
            self._titles.setdefault(title, []).append(document_id)
            self._files.setdefault(Path(source).name, []).append(document_id)
        self._chunks: dict[UUID, list[_ChunkWords]] = {}
        self._same_words: dict[tuple[str, ...], set[int]] = {}
        chunks = Chunk.objects.filter(document__in=rows).values_list("document_id", "id", "text")
        for document_id, chunk_id, text in chunks:
            words = _words(text)
            self._chunks.setdefault(document_id, []).append((chunk_id, words))
            self._same_words.setdefault(words, set()).add(chunk_id)
        self._found: dict[tuple[str, str], tuple[frozenset[int], frozenset[int]]] = {}

    def source_of(self, question: GoldenQuestion) -> Source:
        places = ((question.document, question.passage), *question.elsewhere)
        named = frozenset(document for title, _passage in places for document in self._named(title))
        answering = frozenset[int]().union(*(self._answering(*place)[0] for place in places))
        twins = frozenset[int]().union(*(self._answering(*place)[1] for place in places))
        own = sum(len(self._chunks.get(document, ())) for document in named)
        return Source(
            hidden_document=Hidden(document_ids=named, chunk_ids=twins),
            hidden_passage=Hidden(chunk_ids=answering | twins),
            group=question.document or question.text,
            has_neighbours=own > len(answering),
        )

    def _named(self, document: str) -> Sequence[UUID]:
        return (self._titles.get(document) or self._files.get(Path(document).name) or ()) if document else ()

    def _answering(self, document: str, passage: str) -> tuple[frozenset[int], frozenset[int]]:
        """The document's chunks that overlap the passage (all of them where it is unknown), and their twins in other
        documents."""
        key = document, passage
        if key not in self._found:
            own = [chunk for document_id in self._named(document) for chunk in self._chunks.get(document_id, ())]
            words = _words(passage)
            meeting = [chunk for chunk in own if not passage or _meet(words, chunk[1])]
            same = {twin for _id, chunk_words in meeting for twin in self._same_words[chunk_words]}
            here = frozenset(chunk_id for chunk_id, _words in meeting)
            self._found[key] = here, frozenset(same - {chunk_id for chunk_id, _words in own})
        return self._found[key]


def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(fold(text)))


def _meet(passage: tuple[str, ...], chunk: tuple[str, ...]) -> bool:
    """Whether a chunk holds the passage, or a good part of one is in the other."""
    shorter, longer = sorted((passage, chunk), key=len)
    if not shorter:
        return False
    if len(shorter) < SHORT:
        return f" {' '.join(shorter)} " in f" {' '.join(longer)} "
    common = _grams(shorter) & _grams(longer)
    return len(common) >= OVERLAP * len(_grams(shorter))


@lru_cache(maxsize=20_000)
def _grams(words: tuple[str, ...]) -> frozenset[tuple[str, ...]]:
    return frozenset(words[at : at + GRAM] for at in range(len(words) - GRAM + 1))
