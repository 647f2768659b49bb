"""The plain text of a demo document, white space collapsed: what the golden passages are quoted from.

It reads the formats with their own libraries and not with AION's parsers, so that it can vouch for both. Two things are
written as a reader of AION sees them: a table row is `column: cell; column: cell`, a list item begins with its mark.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from bs4 import BeautifulSoup
from docx import Document
from docx.table import Table
from markdown_it import MarkdownIt
from openpyxl import load_workbook
from pypdf import PdfReader

DOCUMENTS = Path(__file__).resolve().parent / "documents"


def document_paths() -> list[Path]:
    return sorted(path for path in DOCUMENTS.iterdir() if not path.name.startswith("."))


def document_text(path: Path) -> str:
    return " ".join(READERS[path.suffix](path).split())


def read_plain(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def read_html(path: Path) -> str:
    return page_text(read_plain(path))


def read_markdown(path: Path) -> str:
    return page_text(MarkdownIt("commonmark").enable("table").render(read_plain(path)))


def page_text(html: str) -> str:
    page = BeautifulSoup(html, "html.parser")
    for table in page.find_all("table"):
        rows = [[cell.get_text() for cell in row.find_all(["th", "td"])] for row in table.find_all("tr")]
        table.replace_with("\n".join(named_rows(rows)))
    for items in page.find_all(["ol", "ul"]):
        for number, item in enumerate(items.find_all("li", recursive=False), start=1):
            item.insert(0, f"{number}. " if items.name == "ol" else "- ")
    for term in page.find_all("dt"):
        term.append(": ")
    return page.get_text()


def read_csv(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as lines:
        return "\n".join(named_rows(csv.reader(lines)))


def read_pdf(path: Path) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


def read_docx(path: Path) -> str:
    lines: list[str] = []
    for part in Document(str(path)).iter_inner_content():
        if isinstance(part, Table):
            lines += named_rows([cell.text for cell in row.cells] for row in part.rows)
        else:
            lines.append(part.text)
    return "\n".join(lines)


def read_xlsx(path: Path) -> str:
    lines: list[str] = []
    for sheet in load_workbook(path).worksheets:
        rows = sheet.iter_rows(values_only=True)
        lines += [sheet.title, *named_rows(["" if cell is None else str(cell) for cell in row] for row in rows)]
    return "\n".join(lines)


def named_rows(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield each row but the first, which names the columns; empty cells are left out."""
    names, *body = rows
    for row in body:
        yield "; ".join(f"{name}: {cell}" for name, cell in zip(names, row, strict=True) if cell)


READERS: dict[str, Callable[[Path], str]] = {
    ".md": read_markdown,
    ".html": read_html,
    ".txt": read_plain,
    ".csv": read_csv,
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".xlsx": read_xlsx,
}
