"""The plain text of a demo document, white space collapsed: what the golden passages are quoted from.

It reads the formats with their own libraries and not with AION's parsers, so that it can vouch for both.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from pathlib import Path

from bs4 import BeautifulSoup
from docx import Document
from docx.table import Table
from openpyxl import load_workbook
from pypdf import PdfReader

DOCUMENTS = Path(__file__).resolve().parent / "documents"


def document_paths() -> list[Path]:
    return sorted(path for path in DOCUMENTS.iterdir() if not path.name.startswith("."))


def document_text(path: Path) -> str:
    """Return the text of one document; the cells of a table row are joined by " | "."""
    return " ".join(READERS.get(path.suffix, read_plain)(path).split())


def read_plain(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def read_html(path: Path) -> str:
    page = BeautifulSoup(read_plain(path), "html.parser")
    for row in page.find_all("tr"):
        row.replace_with(join_cells(cell.get_text(" ", strip=True) for cell in row.find_all(["th", "td"])) + "\n")
    return page.get_text()


def read_csv(path: Path) -> str:
    with path.open(encoding="utf-8", newline="") as lines:
        return "\n".join(join_cells(row) for row in csv.reader(lines))


def read_pdf(path: Path) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(path).pages)


def read_docx(path: Path) -> str:
    lines: list[str] = []
    for part in Document(str(path)).iter_inner_content():
        if isinstance(part, Table):
            lines += (join_cells(cell.text for cell in row.cells) for row in part.rows)
        else:
            lines.append(part.text)
    return "\n".join(lines)


def read_xlsx(path: Path) -> str:
    workbook = load_workbook(path, read_only=True)
    try:
        rows = (row for sheet in workbook.worksheets for row in sheet.iter_rows(values_only=True))
        return "\n".join(join_cells("" if cell is None else str(cell) for cell in row) for row in rows)
    finally:
        workbook.close()


def join_cells(cells: Iterable[str]) -> str:
    return " | ".join(cells)


READERS: dict[str, Callable[[Path], str]] = {
    ".html": read_html,
    ".csv": read_csv,
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".xlsx": read_xlsx,
}
