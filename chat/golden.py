"""Questions whose answer and source are known, read from a file, and a scratch place to search their documents in.

Two forms: SQuAD JSON (a document a `title`, its passages the chunks) and JSON lines with `question`, `answers` or
`answer`, optional `document`, `passage`, `answerable` (null is unknown).
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psutil
from django.conf import settings
from django.utils.translation import gettext as _

from chat.exceptions import GoldenFileInvalid
from retrieval.ingestion import delete_collection, ingest_text
from retrieval.models import Chunk, Document
from retrieval.results import Hidden
from retrieval.text import fold

SCRATCH = "scratch"
INSTALLED = "main"
GRAM = 5
SHORT = 8  # words; so short a passage is looked for as it stands
OVERLAP = 0.3  # share of the shorter text's 5-grams that make two passages the same place

_WORD = re.compile(r"\w+")
_ChunkWords = tuple[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """A question, what answers it, and where: `document` is a title or file name, `passage` the text ("" unknown).

    `split` is the file's own mark ("" where it has none); `follows_up` means that it leans on earlier turns.
    """

    text: str
    answers: tuple[str, ...]
    document: str
    passage: str
    answerable: bool | None
    split: str = ""
    follows_up: bool = False


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """The questions of a file, and the documents it brings along: passages by title, in order."""

    name: str
    questions: tuple[GoldenQuestion, ...]
    documents: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a question's answer stands: empty sets where that is unknown. `group` keeps a document's questions
    together in cross-fitting; `has_neighbours`: the document has more passages than those that answer."""

    hidden_document: Hidden
    hidden_passage: Hidden
    group: str
    has_neighbours: bool

    @property
    def known(self) -> bool:
        return bool(self.hidden_document.document_ids)


def read_golden(path: Path) -> GoldenSet:
    """The questions in `path`. Raises `GoldenFileInvalid` with the line and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise GoldenFileInvalid(_("%(path)s cannot be read: %(why)s") % {"path": path, "why": exc}) from exc
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, dict) and "data" in whole:
        return _from_squad(path.name, whole)
    return _from_lines(path.name, text)


def _from_squad(name: str, squad: Mapping[str, Any]) -> GoldenSet:
    questions: list[GoldenQuestion] = []
    documents: dict[str, tuple[str, ...]] = {}
    try:
        for number, article in enumerate(squad["data"], start=1):
            title = str(article.get("title") or f"{number}")
            documents[title] = (*documents.get(title, ()), *(part["context"] for part in article["paragraphs"]))
            for part in article["paragraphs"]:
                questions += [_squad_question(qa, title, part["context"]) for qa in part["qas"]]
    except (KeyError, TypeError, AttributeError) as exc:
        raise GoldenFileInvalid(_("%(name)s is not SQuAD JSON: %(why)r") % {"name": name, "why": exc}) from exc
    return GoldenSet(name, tuple(questions), documents)


def _squad_question(qa: Mapping[str, Any], title: str, passage: str) -> GoldenQuestion:
    answers = tuple(dict.fromkeys(answer["text"] for answer in qa.get("answers") or ()))
    return GoldenQuestion(qa["question"], answers, title, passage, not qa.get("is_impossible", False))


def _from_lines(name: str, text: str) -> GoldenSet:
    questions: list[GoldenQuestion] = []
    documents: dict[str, tuple[str, ...]] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        question = _line_question(line, f"{name}:{number}")
        if question.passage and not question.document:
            question = _with_document_of_its_own(question, documents)
        elif question.passage and question.passage not in documents.get(question.document, ()):
            documents[question.document] = (*documents.get(question.document, ()), question.passage)
        questions.append(question)
    return GoldenSet(name, tuple(questions), documents)


def _line_question(line: str, where: str) -> GoldenQuestion:
    try:
        row = json.loads(line)
        text, answerable = row["question"], row.get("answerable")
        answers = row.get("answers") or row.get("answer") or ()
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        message = _("%(where)s: each line is a JSON object with a “question” (%(why)r)") % {"where": where, "why": exc}
        raise GoldenFileInvalid(message) from exc
    if not isinstance(text, str) or not text.strip() or answerable not in (True, False, None):
        raise GoldenFileInvalid(_("%(where)s: “question” is text, “answerable” true, false or null") % {"where": where})
    listed = (answers,) if isinstance(answers, str) else answers
    known = tuple(str(answer) for answer in listed if answer)
    return GoldenQuestion(
        text,
        known,
        str(row.get("document") or ""),
        str(row.get("passage") or ""),
        answerable,
        split=str(row.get("split") or ""),
        follows_up=bool(row.get("conversation")),
    )


def _with_document_of_its_own(question: GoldenQuestion, documents: dict[str, tuple[str, ...]]) -> GoldenQuestion:
    """A passage without a document is one by itself; the same passage twice is the same document."""
    title = next((title for title, passages in documents.items() if passages == (question.passage,)), "")
    title = title or f"passage {len(documents) + 1}"
    documents[title] = (question.passage,)
    return replace(question, document=title)


def only_split(golden: GoldenSet, split: str) -> GoldenSet:
    """With the questions that the file marks with `split`, and those of a file that marks none."""
    return replace(golden, questions=tuple(row for row in golden.questions if row.split in ("", split)))


@contextmanager
def scratch(golden: GoldenSet, *, progress: Callable[[int, int], None] = lambda done, total: None) -> Iterator[str]:
    """A collection with the set's own documents, gone afterwards; what a killed run left is swept first."""
    sweep()
    me = psutil.Process()
    name = f"{SCRATCH}-{socket.gethostname()[:20]}-{me.pid}-{int(me.create_time())}-{uuid4().hex[:6]}"
    try:
        for done, (title, passages) in enumerate(golden.documents.items(), start=1):
            ingest_text(
                title,
                tenant=settings.PRIMARY_TENANT_ID,
                passages=passages,
                collection=name,
                source=f"{name}/{done}",
            )
            progress(done, len(golden.documents))
        yield name
    finally:
        delete_collection(name)


def sweep() -> None:
    """Delete the scratch collections of this machine whose process has ended."""
    names = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection__startswith=f"{SCRATCH}-")
    for name in names.values_list("collection", flat=True).distinct():
        if not _owner_lives(name):
            delete_collection(name)


def _owner_lives(name: str) -> bool:
    """Whether the process that made the scratch collection runs; one of another machine is taken to."""
    prefix, pid, created, _rest = name.rsplit("-", 3)
    if prefix != f"{SCRATCH}-{socket.gethostname()[:20]}":
        return True
    try:
        return int(psutil.Process(int(pid)).create_time()) == int(created)
    except (psutil.NoSuchProcess, ValueError):
        return False


def leave_out_installed(golden: GoldenSet) -> GoldenSet:
    """Without the documents that are installed under the name the file gives: those are searched where they are."""
    installed = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection=INSTALLED)
    names = {name for title, source in installed.values_list("title", "source") for name in (title, Path(source).name)}
    own = {title: passages for title, passages in golden.documents.items() if title not in names}
    return GoldenSet(golden.name, golden.questions, own)


def find_sources(questions: Sequence[GoldenQuestion], collections: Sequence[str]) -> tuple[Source, ...]:
    """For each question, in order, where its answer stands in `collections`."""
    rows = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection__in=collections)
    documents = list(rows.values_list("id", "title", "source"))
    chunks: dict[UUID, list[_ChunkWords]] = {}
    for document_id, chunk_id, text in Chunk.objects.filter(document__in=rows).values_list("document_id", "id", "text"):
        chunks.setdefault(document_id, []).append((chunk_id, _words(text)))
    return tuple(_source_of(question, documents, chunks) for question in questions)


def _source_of(
    question: GoldenQuestion,
    documents: Sequence[tuple[UUID, str, str]],
    chunks: Mapping[UUID, Sequence[_ChunkWords]],
) -> Source:
    named = [row[0] for row in documents if question.document and _is_named(question.document, row[1], row[2])]
    own = [chunk for document_id in named for chunk in chunks.get(document_id, ())]
    passage = _words(question.passage)
    answering = [chunk_id for chunk_id, words in own if not question.passage or _meet(passage, words)]
    return Source(
        hidden_document=Hidden(document_ids=frozenset(named)),
        hidden_passage=Hidden(chunk_ids=frozenset(answering)),
        group=question.document or question.text,
        has_neighbours=len(own) > len(answering),
    )


def _is_named(document: str, title: str, source: str) -> bool:
    return document == title or Path(source).name == Path(document).name


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
