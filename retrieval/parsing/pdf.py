"""PDF: text by page; headings from larger type; running heads and page numbers left out; scanned pages recognised."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, NamedTuple

from pypdf import PageObject, PdfReader
from pypdf.errors import DependencyError, FileNotDecryptedError, PyPdfError, WrongPasswordError

from retrieval.parsing import ocr
from retrieval.parsing.blocks import (
    LIST_ITEM,
    Block,
    BlockKind,
    Gap,
    Limits,
    RejectionCode,
    Unparsable,
    clean,
    unwrapped,
)

BOLD_POINTS = 0.5
LONGEST_HEADING = 100
SENTENCE_END = frozenset(["", *".!?;:"])
RUNNING_HEAD_SHARE = 0.6
PAGE_NUMBER = re.compile(r"(p[áa]g(ina)?\.?\s*)?\d{1,4}(\s*(/|de|of)\s*\d{1,4})?", re.IGNORECASE)


class Line(NamedTuple):
    text: str
    size: float


def parse_pdf(data: bytes, limits: Limits) -> tuple[str, list[Block], list[Gap]]:
    """Title (may be empty), blocks with page numbers, and the scanned pages that could not be recognised."""
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise Unparsable(RejectionCode.ENCRYPTED)
        if len(reader.pages) > limits.pages:
            raise Unparsable(RejectionCode.TOO_LARGE, f"{len(reader.pages)} pages, at most {limits.pages}")
        pages = [_lines(page) for page in reader.pages]
        title = str(reader.metadata.title or "") if reader.metadata else ""
    except (FileNotDecryptedError, WrongPasswordError, DependencyError) as exc:
        raise Unparsable(RejectionCode.ENCRYPTED, str(exc)) from exc
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as exc:
        raise Unparsable(RejectionCode.UNREADABLE, str(exc)) from exc  # pypdf lets these through for torn files
    unread = _recognise(pages, data, limits)
    return clean(title), list(_blocks(pages)), [Gap(RejectionCode.NEEDS_OCR, pages=unread)] if unread else []


def _recognise(pages: list[list[Line]], data: bytes, limits: Limits) -> tuple[int, ...]:
    """Fill in the pages that are pictures of text; the numbers of those that could not be, from 1."""
    empty = [index for index, page in enumerate(pages) if not any(line.text for line in page)]
    scanned = ocr.scanned(data, empty) if empty else []
    for index, text in ocr.recognised(data, scanned, limits):
        pages[index] = [Line(line, 0.0) for line in clean(text).split("\n")]
        scanned.remove(index)
    return tuple(index + 1 for index in scanned)


def _lines(page: PageObject) -> list[Line]:
    """The page's lines with their type size in points (0 where unknown); bold counts as a little larger."""
    sizes: dict[str, float] = {}

    def note(text: str, cm: list[float], tm: list[float], font: Mapping[str, Any] | None, size: float) -> None:
        scale = abs(tm[3] * cm[3]) or 1.0
        is_bold = "Bold" in str((font or {}).get("/BaseFont", ""))
        for line in clean(text).split("\n"):
            sizes[line] = max(sizes.get(line, 0.0), size * scale + (BOLD_POINTS if is_bold else 0.0))

    text = clean(page.extract_text(visitor_text=note) or "")
    return [Line(line, round(sizes.get(line, 0.0), 1)) for line in text.split("\n")]


def _blocks(pages: list[list[Line]]) -> Iterator[Block]:
    running = _running_heads(pages)
    levels = _heading_levels(pages)
    for number, page in enumerate(pages, start=1):
        paragraph: list[str] = []
        for line in page:
            if _pattern(line.text) in running or PAGE_NUMBER.fullmatch(line.text):
                continue
            if line.size in levels and len(line.text) <= LONGEST_HEADING:
                yield from _flush(paragraph, number)
                yield Block(BlockKind.HEADING, line.text, level=levels[line.size], page=number)
            else:
                paragraph.append(line.text)
        yield from _flush(paragraph, number)


def _heading_levels(pages: list[list[Line]]) -> dict[float, int]:
    """Type sizes above that of most of the text, the largest being level 1."""
    weighted = [line.size for page in pages for line in page if line.size for _ in range(len(line.text))]
    body = median(weighted) if weighted else 0.0
    larger = sorted({size for size in weighted if size >= body + BOLD_POINTS}, reverse=True)
    return {size: level for level, size in enumerate(larger, start=1)}


def _flush(lines: list[str], page: int) -> Iterator[Block]:
    for text in unwrapped(lines):
        yield Block(BlockKind.ROW if LIST_ITEM.match(text) else BlockKind.PARAGRAPH, text, page=page)
    lines.clear()


def _running_heads(pages: list[list[Line]]) -> set[str]:
    """Lines, no sentences, that stand first or last on most pages, whatever page number they hold."""
    if len(pages) < 2:
        return set()
    edges = [
        {_pattern(line.text) for line in (*page[:2], *page[-2:]) if line.text[-1:] not in SENTENCE_END}
        for page in pages
    ]
    counts = Counter(line for lines in edges for line in lines)
    return {line for line, count in counts.items() if count >= max(2, RUNNING_HEAD_SHARE * len(pages))}


def _pattern(line: str) -> str:
    return re.sub(r"\d+", "#", line)
