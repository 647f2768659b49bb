"""Files for tests, good and hostile, made on the spot."""

from __future__ import annotations

import io
import zipfile

import docx
import openpyxl
from fpdf import FPDF
from pptx import Presentation
from pypdf import PdfWriter


def pdf(*pages: str, title: str = "") -> bytes:
    """A page a text; a line that starts with `# ` is set larger."""
    document = FPDF()
    if title:
        document.set_title(title)
    for page in pages:
        document.add_page()
        for line in page.split("\n"):
            document.set_font("helvetica", size=18 if line.startswith("# ") else 11)
            document.multi_cell(0, 8, line.removeprefix("# "), new_x="LMARGIN", new_y="NEXT")
    return bytes(document.output())


def encrypted_pdf(text: str) -> bytes:
    writer = PdfWriter(clone_from=io.BytesIO(pdf(text)))
    writer.encrypt("segredo", algorithm="AES-256")
    return _written(writer.write)


def word(*, title: str = "", rows: tuple[tuple[str, ...], ...] = (), **sections: str) -> bytes:
    document = docx.Document()
    document.core_properties.title = title
    for name, text in sections.items():
        document.add_heading(name, 2)
        document.add_paragraph(text)
    if rows:
        table = document.add_table(len(rows), len(rows[0]))
        for row, cells in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, cells, strict=True):
                cell.text = text
    return _written(document.save)


def sheet(rows: list[list[object]], formats: dict[str, str]) -> bytes:
    workbook = openpyxl.Workbook()
    workbook.active.title = "Preços"
    for row in rows:
        workbook.active.append(row)
    for cell, number_format in formats.items():
        workbook.active[cell].number_format = number_format
    return _written(workbook.save)


def slides(title: str, text: str) -> bytes:
    presentation = Presentation()
    slide = presentation.slides.add_slide(presentation.slide_layouts[1])
    slide.shapes.title.text = title
    slide.placeholders[1].text = text
    return _written(presentation.save)


def bomb(megabytes: int) -> bytes:
    """A DOCX of a few kilobytes that unpacks to many megabytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"\0" * (megabytes << 20))
    return buffer.getvalue()


def _written(save: object) -> bytes:
    buffer = io.BytesIO()
    save(buffer)  # type: ignore[operator]  # each library has its own type for this
    return buffer.getvalue()
