"""Golden questions read from a file, in three forms: SQuAD JSON (a document a `title`, its passages the chunks), tables
(`chat.golden.tables`), and JSON lines with `question`, `answers` or `answer`, optional `document`, `passage`,
`answerable` (null is unknown).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from chat.exceptions import GoldenFileInvalid
from chat.golden.questions import GoldenQuestion, GoldenSet
from chat.golden.tables import read_table


def read_golden(path: Path) -> GoldenSet:
    """The questions in `path`. Raises `GoldenFileInvalid` with the place and what is wrong with it."""
    if path.suffix.lower() == ".csv":
        return _filled(_from_rows(path.name, read_table(path)))
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
    return _filled(_from_squad(path.name, whole["data"]) if is_squad else _from_rows(path.name, _lines(text)))


def _filled(golden: GoldenSet) -> GoldenSet:
    if not golden.questions:
        raise GoldenFileInvalid(_("%(name)s holds no question.") % {"name": golden.name})
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


def _lines(text: str) -> Iterator[tuple[int, object]]:
    """Numbered from 1. What is no JSON is None."""
    for number, line in enumerate(text.split("\n"), start=1):  # splitlines() would cut at characters JSON may hold
        if line.strip():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError):
                yield number, None


def _from_rows(name: str, rows: Iterable[tuple[int, object]]) -> GoldenSet:
    questions: list[GoldenQuestion] = []
    documents: dict[str, dict[str, None]] = {}
    titles: dict[str, str] = {}
    for number, row in rows:
        question = _row_question(row, f"{name}:{number}")
        if question.passage and not question.document:  # a document by itself; the same passage twice is the same one
            title = titles.setdefault(question.passage, _("passage %(number)d") % {"number": len(titles) + 1})
            question = replace(question, document=title)
        for document, passage in ((question.document, question.passage), *question.elsewhere):
            if document and passage:
                documents.setdefault(document, {})[passage] = None
        questions.append(question)
    return GoldenSet(name, tuple(questions), {title: tuple(own) for title, own in documents.items()})


def _row_question(row: object, where: str) -> GoldenQuestion:
    if row is None:
        raise GoldenFileInvalid(_("%(where)s: this is not JSON.") % {"where": where})
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
        set_name=_text(row, "set", where),
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
