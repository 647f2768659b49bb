"""DOCX, XLSX and PPTX: zip files of XML, checked for bombs before they are unpacked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time

import docx
from docx.table import Table, _Row
from docx.text.paragraph import Paragraph
from openpyxl import load_workbook
from pptx import Presentation

from retrieval.parsing.blocks import Block, BlockKind, Limits, RejectionCode, Unparsable, table_blocks

MAX_MEMBERS = 20_000
CURRENCIES = {"R$": "R$ ", "€": "€ ", "US$": "US$ ", "$": "$ "}


def check_archive(data: bytes, limits: Limits) -> set[str]:
    """The names inside; raises `Unparsable` for a torn or an encrypted archive or one that unpacks beyond the limit.

    Sizes are those the archive declares: `zipfile` reads no byte beyond them.
    """
    try:
        members = zipfile.ZipFile(io.BytesIO(data)).infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as exc:
        raise Unparsable(RejectionCode.UNREADABLE, str(exc)) from exc
    if any(member.flag_bits & 1 for member in members):
        raise Unparsable(RejectionCode.ENCRYPTED)
    unpacked = sum(member.file_size for member in members)
    if unpacked > limits.unpacked_bytes or len(members) > MAX_MEMBERS:
        raise Unparsable(RejectionCode.TOO_LARGE, f"{unpacked} bytes in {len(members)} members when unpacked")
    return {member.filename for member in members}


def parse_docx(data: bytes) -> tuple[str, list[Block]]:
    """Title (may be empty) and blocks; headings by their style."""
    document = docx.Document(io.BytesIO(data))
    blocks: list[Block] = []
    for item in document.iter_inner_content():
        if isinstance(item, Table):
            blocks.extend(table_blocks(map(_docx_cells, item.rows)))
        else:
            blocks.append(_docx_paragraph(item))
    return document.core_properties.title or "", blocks


def _docx_cells(row: _Row) -> list[str]:
    """A cell that spans columns is listed once a column: its text stands in the first only."""
    cells = row.cells
    return ["" if at and cell._tc is cells[at - 1]._tc else cell.text for at, cell in enumerate(cells)]


def _docx_paragraph(paragraph: Paragraph) -> Block:
    style = (paragraph.style.name if paragraph.style is not None else None) or ""
    kind, _, depth = style.partition(" ")
    if kind in ("Heading", "Título", "Title"):
        return Block(BlockKind.HEADING, paragraph.text, level=int(depth) if depth.isdigit() else 1)
    if kind == "List":
        return Block(BlockKind.ROW, f"- {paragraph.text}")
    return Block(BlockKind.PARAGRAPH, paragraph.text)


def parse_xlsx(data: bytes, limits: Limits) -> tuple[str, list[Block]]:
    """Each sheet under a heading with its name, each row with its columns' names; values as the sheet shows them."""
    workbook = load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    blocks: list[Block] = []
    for sheet in workbook.worksheets:
        blocks.append(Block(BlockKind.HEADING, sheet.title, level=2))
        size = 0
        rows = []
        for row in sheet.iter_rows():
            cells = [_shown(cell.value, getattr(cell, "number_format", "")) for cell in row]
            size += sum(map(len, cells)) + len(cells)
            if size > limits.text_chars:
                raise Unparsable(RejectionCode.TOO_LARGE, f"sheet {sheet.title!r}")
            rows.append(cells)
        blocks.extend(table_blocks(rows))
    return workbook.properties.title or "", blocks


def _shown(value: object, number_format: str) -> str:
    """A cell as a Brazilian reader sees it: `R$ 1.250,00`, `25/12/2026`, `18:30`, `sim`."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "sim" if value else "não"
    if isinstance(value, datetime):
        return value.strftime("%d/%m/%Y" if value.time() == time() else "%d/%m/%Y %H:%M")
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, (int, float)):
        return _number(value, number_format)
    return str(value)


def _number(value: int | float, number_format: str) -> str:
    if "%" in number_format:
        return f"{value * 100:.10g}%".replace(".", ",")
    currency = next((shown for sign, shown in CURRENCIES.items() if sign in number_format), "")
    if not currency and "0.00" not in number_format:
        return f"{value:.15g}".replace(".", ",")
    grouped = f"{value:,.2f}" if currency or "#,##" in number_format else f"{value:.2f}"
    return currency + grouped.translate(str.maketrans(",.", ".,"))


def parse_pptx(data: bytes) -> tuple[str, list[Block]]:
    """Slides as pages, each under its title; tables as rows; the speaker's notes too."""
    presentation = Presentation(io.BytesIO(data))
    blocks: list[Block] = []
    for number, slide in enumerate(presentation.slides, start=1):
        title = slide.shapes.title
        if title is not None:
            blocks.append(Block(BlockKind.HEADING, title.text_frame.text, level=2, page=number))
        for shape in slide.shapes:
            if title is None or shape.shape_id != title.shape_id:
                blocks.extend(_shape_blocks(shape, number))
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            blocks.append(Block(BlockKind.PARAGRAPH, slide.notes_slide.notes_text_frame.text, page=number))
    return presentation.core_properties.title or "", blocks


def _shape_blocks(shape: object, page: int) -> Iterator[Block]:
    if getattr(shape, "has_table", False):
        table = shape.table  # type: ignore[attr-defined]  # python-pptx: only graphic frames have it
        yield from table_blocks([[cell.text for cell in row.cells] for row in table.rows], page)
    for inner in getattr(shape, "shapes", ()):
        yield from _shape_blocks(inner, page)
    if getattr(shape, "has_text_frame", False):
        for paragraph in shape.text_frame.paragraphs:  # type: ignore[attr-defined]  # as above
            yield Block(BlockKind.PARAGRAPH, paragraph.text, page=page)
