"""Golden questions as a table, as spreadsheets write and read it: CSV with a line of names, in English or Portuguese.

Several answers, and several questions before, stand in one cell, a line each.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from django.utils.translation import gettext as _

from chat.exceptions import GoldenFileInvalid
from retrieval.models import GoldenQuestion
from retrieval.parsing.blocks import Unparsable
from retrieval.parsing.plain import decode

COLUMNS: Mapping[str, str] = {
    "question": "pergunta",
    "answers": "respostas",
    "answerable": "respondida",
    "document": "documento",
    "passage": "trecho",
    "kind": "tipo",
    "earlier": "perguntas anteriores",
    "set": "conjunto",
}
PLAIN = ("question", "document", "passage", "kind", "set")
OTHER_NAMES = {"answer": "answers", "resposta": "answers", **{name: column for column, name in COLUMNS.items()}}
YES, NO = (
    frozenset(["sim", "s", "true", "verdadeiro", "yes", "1"]),
    frozenset(["não", "nao", "n", "false", "falso", "no", "0"]),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run what begins so


def read_table(path: Path) -> Iterator[tuple[int, object]]:
    """Each row by its line's number, as JSON lines have it. Raises `GoldenFileInvalid`."""
    try:
        text = decode(path.read_bytes())
    except FileNotFoundError as exc:
        raise GoldenFileInvalid(_("There is no file %(path)s.") % {"path": path}) from exc
    except OSError as exc:
        raise GoldenFileInvalid(_("%(path)s cannot be read: %(why)s") % {"path": path, "why": exc.strerror}) from exc
    except Unparsable as exc:
        raise GoldenFileInvalid(_("%(path)s is not text in UTF-8.") % {"path": path.name}) from exc
    head = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=max(";,\t", key=head.count))
    try:
        names = [_column(name) for name in next(reader, [])]
        if "question" not in names:
            message = _("%(where)s: the first line names the columns; “question” is missing.")
            raise GoldenFileInvalid(message % {"where": path.name})
        for cells in reader:
            if any(cell.strip() for cell in cells):
                row = dict(zip(names, map(_plain, cells), strict=False))
                yield reader.line_num, _row(row, f"{path.name}:{reader.line_num}")
    except csv.Error as exc:
        raise GoldenFileInvalid(_("%(path)s cannot be read: %(why)s") % {"path": path.name, "why": exc}) from exc


def write_table(questions: Iterable[GoldenQuestion]) -> str:
    """As `read_table` reads it, with Portuguese names and semicolons, for the spreadsheets of Brazil."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    writer.writerow(COLUMNS.values())
    for one in questions:
        answerable = {True: "sim", False: "não", None: ""}[one.answerable]
        cells = (one.question, "\n".join(one.answers), answerable, one.document, one.passage, one.kind)
        writer.writerow([_harmless(cell) for cell in (*cells, "\n".join(one.earlier), one.set_name)])
    return out.getvalue()


def _column(name: str) -> str:
    plain = name.strip().lower()
    return OTHER_NAMES.get(plain, plain)


def _row(row: Mapping[str, str], where: str) -> dict[str, object]:
    known: dict[str, object] = {name: row[name] for name in PLAIN if name in row}
    known["answers"] = _lines(row.get("answers", ""))
    known["conversation"] = [{"role": "user", "content": text} for text in _lines(row.get("earlier", ""))]
    said = row.get("answerable", "").strip().lower()
    if said and said not in YES | NO:
        message = _("%(where)s: “answerable” must be yes, no or empty.")
        raise GoldenFileInvalid(message % {"where": where})
    if said:
        known["answerable"] = said in YES
    return known


def _lines(cell: str) -> list[str]:
    return [line.strip() for line in cell.splitlines() if line.strip()]


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _plain(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell
