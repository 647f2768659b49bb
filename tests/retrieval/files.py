"""Files for tests, good and hostile, made on the spot."""

from __future__ import annotations

import io
import zipfile
from email.message import EmailMessage

import docx
import openpyxl
from fpdf import FPDF
from PIL import Image, ImageDraw, ImageFont
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


def scanned_pdf(*pages: str) -> bytes:
    """A page a text, each a picture as a scanner makes it."""
    document = FPDF()
    for page in pages:
        picture = Image.new("L", (1240, 700), 255)
        font = ImageFont.load_default(size=34)
        ImageDraw.Draw(picture).multiline_text((60, 60), page, fill=0, font=font, spacing=14)
        document.add_page()
        document.image(picture, 0, 0, 210)
    return bytes(document.output())


def mail(subject: str, text: str, *attached: tuple[str, bytes], html: str = "") -> bytes:
    """From Ana to Rui; every attachment is a file of unknown type, as most programs send them."""
    return written_mail(subject, text, *attached, html=html).as_bytes()


def written_mail(subject: str, text: str, *attached: tuple[str, bytes], html: str = "") -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "Ana Sá <ana@casa.pt>", "rui@casa.pt", subject
    message["Date"] = "Thu, 12 Mar 2026 14:05:00 -0300"
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, data in attached:
        message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return message


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


def sheets(**tables: list[list[object]]) -> bytes:
    """A workbook of one sheet a table."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in tables.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return _written(workbook.save)


def slides(title: str, text: str) -> bytes:
    return deck("", (title, text))


def deck(name: str, *texts: tuple[str, str], table: tuple[tuple[str, ...], ...] = ()) -> bytes:
    """A slide a title and text; the table stands on the last."""
    presentation = Presentation()
    presentation.core_properties.title = name
    for title, text in texts:
        slide = presentation.slides.add_slide(presentation.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    if table:
        shown = slide.shapes.add_table(len(table), len(table[0]), 0, 0, 5_000_000, 2_000_000).table
        for row, cells in enumerate(table):
            for column, text in enumerate(cells):
                shown.cell(row, column).text = text
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


def joined_pdf(*parts: bytes) -> bytes:
    writer = PdfWriter()
    for part in parts:
        writer.append(io.BytesIO(part))
    return _written(writer.write)
