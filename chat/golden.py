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

    `elsewhere` are further pairs of both, where an answer needs more than one passage. `split` and `kind` are the
    file's own marks ("" where it has none); `earlier` are the questions it leans on, oldest first.
    """

    text: str
    answers: tuple[str, ...]
    document: str
    passage: str
    answerable: bool | None
    split: str = ""
    kind: str = ""
    earlier: tuple[str, ...] = ()
    elsewhere: tuple[tuple[str, str], ...] = ()

    @property
    def follows_up(self) -> bool:
        """Whether it can be understood only after what was asked before."""
        return bool(self.earlier)


@dataclass(frozen=True, slots=True)
class GoldenSet:
    """The questions of a file, and the documents it brings along: passages by title, in order.

    `complete`: those documents are the file's own, whatever else is installed under their names (SQuAD).
    """

    name: str
    questions: tuple[GoldenQuestion, ...]
    documents: Mapping[str, tuple[str, ...]]
    complete: bool = False


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


def read_golden(path: Path) -> GoldenSet:
    """The questions in `path`. Raises `GoldenFileInvalid` with the place and what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as exc:
        raise GoldenFileInvalid(_("There is no file %(path)s.") % {"path": path}) from exc
    except UnicodeDecodeError as exc:
        raise GoldenFileInvalid(_("%(path)s is not text in UTF-8.") % {"path": path}) from exc
    except OSError as exc:
        raise GoldenFileInvalid(_("%(path)s cannot be read: %(why)s") % {"path": path, "why": exc.strerror}) from exc
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        whole = None
    is_squad = isinstance(whole, dict) and "data" in whole
    golden = _from_squad(path.name, whole["data"]) if is_squad else _from_lines(path.name, text)
    if not golden.questions:
        raise GoldenFileInvalid(_("%(name)s holds no question.") % {"name": path.name})
    return golden


def _from_squad(name: str, articles: object) -> GoldenSet:
    questions: list[GoldenQuestion] = []
    documents: dict[str, dict[str, None]] = {}
    for number, article in _rows(articles, name, _("document")):
        title = _text(article, "title", number) or str(len(documents) + 1)
        passages = documents.setdefault(title, {})
        for place, part in _rows(article.get("paragraphs"), number, _("paragraph")):
            passage = _text(part, "context", place)
            if passage:
                passages[passage] = None
            questions += [
                _squad_question(qa, title, passage, where)
                for where, qa in _rows(part.get("qas") or [], place, _("question"))
            ]
    return GoldenSet(name, tuple(questions), {title: tuple(own) for title, own in documents.items() if own}, True)


def _rows(listed: object, where: str, what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of a list, each with its place in words."""
    if not isinstance(listed, list):
        raise GoldenFileInvalid(_("%(where)s: a list is missing here (%(what)s).") % {"where": where, "what": what})
    for number, row in enumerate(listed, start=1):
        place = f"{where}, {what} {number}"
        if not isinstance(row, dict):
            raise GoldenFileInvalid(_("%(where)s: this must be a JSON object.") % {"where": place})
        yield place, row


def _squad_question(qa: Mapping[str, Any], title: str, passage: str, where: str) -> GoldenQuestion:
    answers = [_text(answer, "text", where) for _place, answer in _rows(qa.get("answers") or [], where, _("answer"))]
    impossible = _flag(qa, "is_impossible", where)
    return GoldenQuestion(
        text=_question_text(qa, where),
        answers=tuple(dict.fromkeys(filter(None, answers))),
        document=title,
        passage=passage,
        answerable=not impossible if impossible is not None else bool(answers) or None,
    )


def _from_lines(name: str, text: str) -> GoldenSet:
    questions: list[GoldenQuestion] = []
    documents: dict[str, dict[str, None]] = {}
    titles: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines() would cut at characters JSON may hold
        if not line.strip():
            continue
        question = _line_question(line, f"{name}:{number}")
        if question.passage and not question.document:  # a document by itself; the same passage twice is the same one
            title = titles.setdefault(question.passage, _("passage %(number)d") % {"number": len(titles) + 1})
            question = replace(question, document=title)
        for document, passage in ((question.document, question.passage), *question.elsewhere):
            if document and passage:
                documents.setdefault(document, {})[passage] = None
        questions.append(question)
    return GoldenSet(name, tuple(questions), {title: tuple(own) for title, own in documents.items()})


def _line_question(line: str, where: str) -> GoldenQuestion:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as exc:
        raise GoldenFileInvalid(_("%(where)s: this is not JSON.") % {"where": where}) from exc
    if not isinstance(row, dict) or "question" not in row:
        raise GoldenFileInvalid(_("%(where)s: each line is a JSON object with a “question”.") % {"where": where})
    answers = _answers(row, where)
    document, passage = _text(row, "document", where), _text(row, "passage", where)
    answerable = _flag(row, "answerable", where)
    if "answerable" not in row and (
        answers or document or passage
    ):  # null says unknown; nothing said is the usual case
        answerable = True
    also = row.get("also")
    return GoldenQuestion(
        text=_question_text(row, where),
        answers=answers,
        document=document,
        passage=passage,
        answerable=answerable,
        split=_text(row, "split", where),
        kind=_text(row, "kind", where),
        earlier=_earlier_questions(row, where),
        elsewhere=((_text(also, "document", where), _text(also, "passage", where)),) if isinstance(also, dict) else (),
    )


def _answers(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    listed = row.get("answers")
    if listed is None:
        listed = row.get("answer")
    if isinstance(listed, list):
        rows = [{"answers": answer} for answer in listed]
        return tuple(dict.fromkeys(filter(None, (_text(one, "answers", where) for one in rows))))
    answer = _text({"answers": listed}, "answers", where)
    return (answer,) if answer else ()


def _earlier_questions(row: Mapping[str, Any], where: str) -> tuple[str, ...]:
    turns = _rows(row.get("conversation") or [], where, _("turn"))
    said = [(turn.get("role"), _text(turn, "content", place)) for place, turn in turns]
    return tuple(text for role, text in said if role == "user" and text)


def _question_text(row: Mapping[str, Any], where: str) -> str:
    text = row.get("question")
    if not isinstance(text, str) or not text.strip():
        raise GoldenFileInvalid(_("%(where)s: “question” is missing or is not text.") % {"where": where})
    return _storable(text)


def _text(row: Mapping[str, Any], name: str, where: str) -> str:
    """The text under `name`, "" where there is none; a number is taken as it is written."""
    value = row.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise GoldenFileInvalid(_("%(where)s: “%(name)s” must be text.") % {"where": where, "name": name})
    text = _storable(str(value))
    return text if text.strip() else ""


def _flag(row: Mapping[str, Any], name: str, where: str) -> bool | None:
    value = row.get(name)
    if value is not None and not isinstance(value, bool):
        message = _("%(where)s: “%(name)s” must be true, false or null.")
        raise GoldenFileInvalid(message % {"where": where, "name": name})
    return value


def _storable(text: str) -> str:
    """Without what JSON can spell and PostgreSQL cannot keep: NUL and halves of surrogate pairs."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def only_split(golden: GoldenSet, split: str) -> GoldenSet:
    """With the questions that the file marks with `split`, and those it marks with none; all where `split` is "".

    Raises `GoldenFileInvalid` where that leaves nothing.
    """
    questions = tuple(row for row in golden.questions if not split or row.split in ("", split))
    if not questions:
        message = _("%(name)s holds no question of the split “%(split)s”.")
        raise GoldenFileInvalid(message % {"name": golden.name, "split": split})
    return replace(golden, questions=questions)


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
                source=f"{name}/{name}-{done}",  # a file name that no question can mean
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


@contextmanager
def places_to_search(
    golden: GoldenSet,
    *,
    with_installed: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Iterator[tuple[str, ...]]:
    """The collections in which the set's questions are to be asked: a scratch one with its own documents, and the
    installed ones where it means some of those or brings none."""
    brought = leave_out_installed(golden)
    with scratch(brought, progress=progress) as own:
        means_installed = not brought.documents or len(brought.documents) < len(golden.documents)
        yield (
            *((own,) if brought.documents else ()),
            *((INSTALLED,) if with_installed or means_installed else ()),
        )


def leave_out_installed(golden: GoldenSet) -> GoldenSet:
    """Without the documents that are installed under the name the file gives: those are searched where they are."""
    if golden.complete:
        return golden
    installed = Document.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection=INSTALLED)
    names = {name for title, source in installed.values_list("title", "source") for name in (title, Path(source).name)}
    own = {title: passages for title, passages in golden.documents.items() if title not in names}
    return replace(golden, documents=own)


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
