"""Rebuild the demo's PDF, DOCX and XLSX files from the readable texts in `sources/`.

A source is named after what it becomes: `x.pdf.md` and `x.docx.md` are Markdown, `x.xlsx.csv` holds the sheets of a
workbook, each opened by a line `# name`. All dates are fixed, so that unchanged sources give unchanged files.
"""

from __future__ import annotations

import csv
import io
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from docx import Document
from docx.enum.text import WD_BREAK
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from openpyxl import Workbook
from openpyxl.styles import Font

DEMO = Path(__file__).resolve().parent
SOURCES = DEMO / "sources"
DOCUMENTS = DEMO / "documents"
COMPANY = "Rota Atlântica Passeios"
WRITTEN_AT = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
HEADING_POINTS = {1: 20, 2: 14, 3: 12}


@dataclass(frozen=True)
class Text:
    """A heading (level 1 to 3) or a paragraph (level 0); list items are paragraphs that begin with their mark."""

    words: str
    level: int = 0


@dataclass(frozen=True)
class Table:
    """Rows of cells, the header first."""

    rows: list[list[str]]


Block = Text | Table | Literal["page break"]


def read_blocks(markdown: str) -> Iterator[Block]:
    """Yield what a page shows, in order; emphasis is dropped."""
    tree = SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(markdown))
    for node in tree.children:
        match node.type:
            case "heading":
                yield Text(plain_text(node), level=int(node.tag[1]))
            case "bullet_list":
                yield from (Text(f"• {plain_text(item)}") for item in node.children)
            case "ordered_list":
                yield from (Text(f"{n}. {plain_text(item)}") for n, item in enumerate(node.children, start=1))
            case "table":
                rows = [row for part in node.children for row in part.children]
                yield Table([[plain_text(cell) for cell in row.children] for row in rows])
            case "hr":
                yield "page break"
            case _:
                yield Text(plain_text(node))


def plain_text(node: SyntaxTreeNode) -> str:
    return "".join(leaf.content or " " for leaf in node.walk() if leaf.type in {"text", "softbreak"})


class Brochure(FPDF):
    """An A4 document with the company's name and the page number at its foot."""

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", size=9)
        self.cell(0, 10, f"{COMPANY} · página {self.page_no()}", align="C")


def write_pdf(source: Path, target: Path) -> None:
    pdf = Brochure()
    # The built-in fonts declare WinAnsi, which holds the euro sign that latin-1 lacks.
    pdf.core_fonts_encoding = "cp1252"
    pdf.set_creation_date(WRITTEN_AT)
    pdf.set_author(COMPANY)
    pdf.set_lang("pt-BR")
    pdf.add_page()
    for block in read_blocks(source.read_text(encoding="utf-8")):
        match block:
            case Text():
                print_text(pdf, block)
            case Table():
                print_table(pdf, block)
            case _:
                pdf.add_page()
    pdf.output(str(target))


def print_text(pdf: FPDF, text: Text) -> None:
    if text.level == 1:
        pdf.set_title(text.words)
    if text.level:
        pdf.ln(3)
        pdf.start_section(text.words, level=text.level - 1)
    pdf.set_font("Helvetica", style="B" if text.level else "", size=HEADING_POINTS.get(text.level, 11))
    pdf.multi_cell(0, 6 if text.level == 0 else 9, text.words, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    pdf.ln(1.5)


def print_table(pdf: FPDF, table: Table) -> None:
    pdf.set_font("Helvetica", size=9)
    # Columns as wide as their longest cell keep a row on one line, which is how it will be read back.
    widths = tuple(max(map(len, column)) for column in zip(*table.rows, strict=True))
    with pdf.table(text_align="LEFT", line_height=6, col_widths=widths) as printed:
        for row in table.rows:
            printed.row(row)
    pdf.ln(2)


def write_docx(source: Path, target: Path) -> None:
    document = Document()
    properties = document.core_properties
    properties.author = COMPANY
    properties.language = "pt-BR"
    properties.created = properties.modified = WRITTEN_AT.replace(tzinfo=None)
    for block in read_blocks(source.read_text(encoding="utf-8")):
        match block:
            case Text(words, level=0):
                document.add_paragraph(words)
            case Text(words, level):
                document.add_heading(words, level=level)
            case Table(rows):
                grid = document.add_table(rows=0, cols=len(rows[0]), style="Table Grid")
                for row in rows:
                    for cell, words in zip(grid.add_row().cells, row, strict=True):
                        cell.text = words
            case _:
                document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
    packed = io.BytesIO()
    document.save(packed)
    target.write_bytes(with_fixed_dates(packed))


def write_xlsx(source: Path, target: Path) -> None:
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    with source.open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines):
            if row[0].startswith("# "):
                sheet = workbook.create_sheet(row[0].removeprefix("# "))
                continue
            sheet.append([int(cell) if cell.isdigit() else cell or None for cell in row])
    for sheet in workbook.worksheets:
        sheet.freeze_panes = "A2"
        sheet.column_dimensions["A"].width = 40
        for heading in sheet[1]:
            heading.font = Font(bold=True)
    workbook.properties.creator = COMPANY
    workbook.properties.created = WRITTEN_AT.replace(tzinfo=None)
    packed = io.BytesIO()
    workbook.save(packed)
    target.write_bytes(with_fixed_dates(packed))


def with_fixed_dates(packed: io.BytesIO) -> bytes:
    """Repack an Office file: its archive and openpyxl's `modified` property would carry the time of the build."""
    fixed = io.BytesIO()
    stamp = WRITTEN_AT.strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    with zipfile.ZipFile(packed) as before, zipfile.ZipFile(fixed, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            content = before.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, content)
            member = zipfile.ZipInfo(name, date_time=WRITTEN_AT.timetuple()[:6])
            after.writestr(member, content, compress_type=zipfile.ZIP_DEFLATED)
    return fixed.getvalue()


WRITERS: dict[str, Callable[[Path, Path], None]] = {".pdf": write_pdf, ".docx": write_docx, ".xlsx": write_xlsx}


def build(folder: Path) -> list[Path]:
    """Write every built document into `folder`, return their paths."""
    targets = []
    for source in sorted(SOURCES.iterdir()):
        target = folder / source.stem
        WRITERS[target.suffix](source, target)
        targets.append(target)
    return targets


if __name__ == "__main__":
    for written in build(DOCUMENTS):
        sys.stdout.write(f"{written.name}\n")
