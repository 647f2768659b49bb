"""What a parsed file is made of, and why a file can be refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class RejectionCode(StrEnum):
    """Why a file cannot become a document; stable, for programs."""

    UNREADABLE = "unreadable"
    ENCRYPTED = "encrypted"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    UNSUPPORTED = "unsupported"
    WRONG_ENCODING = "wrong_encoding"
    NEEDS_OCR = "needs_ocr"


class Unparsable(Exception):
    """Raised by a parser; `detail` is for the log."""

    def __init__(self, code: RejectionCode, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Limits:
    """Beyond these a file is refused. `unpacked_bytes` bounds what an office file may hold inside its zip; of scanned
    pages at most `scanned_pages` are recognised, each within `page_seconds`, which `seconds` do not count."""

    file_bytes: int = 100 * 2**20
    unpacked_bytes: int = 400 * 2**20
    pages: int = 3000
    text_chars: int = 20_000_000
    seconds: int = 120
    scanned_pages: int = 200
    page_seconds: int = 30
    memory_bytes: int = 3 * 2**30


class BlockKind(StrEnum):
    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ROW = "row"
    PASSAGE = "passage"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document. `level` is a heading's depth (1 the highest); a passage is never split or joined."""

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """What of a file could not be read, and why: an attachment by its `name`, or the scanned `pages` of the file."""

    code: RejectionCode
    name: str = ""
    pages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """One document of a file. `part` is empty unless the file holds several (SQuAD: one a title). There may be no
    blocks where the pages are scanned: then a gap says so."""

    title: str
    media_type: str
    blocks: tuple[Block, ...]
    part: str = ""
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the web. `document` is None for one without text of its own; `links` and `canonical` are whole
    addresses as they stand in it; `noindex` is its wish not to be found."""

    document: ParsedDocument | None
    links: tuple[str, ...] = ()
    canonical: str = ""
    noindex: bool = False


CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\U000e0000-\U000e007f]")
LIST_ITEM = re.compile(r"[-•*–▪]\s|\d{1,3}[.)]\s|[a-z]\)\s|Art\. |§")
SHORT_LINE = 0.75
SPACES = re.compile(r"[^\S\n]+")


def clean(text: str) -> str:
    """Composed characters, no control or invisible ones (they can hide text from a reader), single spaces."""
    text = INVISIBLE.sub("", CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")))
    lines = (SPACES.sub(" ", line).strip() for line in unicodedata.normalize("NFC", text).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def cleaned(blocks: Iterable[Block], limits: Limits) -> tuple[Block, ...]:
    """Blocks with clean text, empty ones left out; raises `Unparsable` when there is no text or too much of it."""
    kept: list[Block] = []
    size = 0
    for block in blocks:
        text = clean(block.text)
        if block.kind is not BlockKind.PASSAGE and block.kind is not BlockKind.PARAGRAPH:
            text = " ".join(text.split())
        size += len(text)
        if size > limits.text_chars:
            raise Unparsable(RejectionCode.TOO_LARGE, f"more than {limits.text_chars} characters of text")
        if any(char.isalnum() for char in text):
            kept.append(Block(block.kind, text, block.level, block.page))
    if all(block.kind is BlockKind.HEADING for block in kept):
        return tuple(Block(BlockKind.PARAGRAPH, block.text, 0, block.page) for block in kept) or _nothing()
    return tuple(kept)


def _nothing() -> tuple[Block, ...]:
    raise Unparsable(RejectionCode.EMPTY)


def unwrapped(lines: Sequence[str]) -> list[str]:
    """Paragraphs out of lines that a layout broke: a line goes on with the next unless it is blank, clearly shorter
    than the longest (a row, a heading, a last line), or the next is a list item. Hyphenated words are whole again."""
    width = max(map(len, lines), default=0)
    paragraphs = [""]
    for line in lines:
        if not line or (paragraphs[-1] and LIST_ITEM.match(line)):
            paragraphs.append("")
        paragraphs[-1] += line and f"{line}\n"
        if len(line) < SHORT_LINE * width:
            paragraphs.append("")
    joined = (re.sub(r"(?<=[a-zà-ÿ])-\n(?=[a-zà-ÿ])", "", text.strip()).replace("\n", " ") for text in paragraphs)
    return [text for text in joined if text]


def row_text(header: Sequence[str], cells: Sequence[str]) -> str:
    """A table row as a line that can be found and quoted alone: `Passeio: Sintra; Preço: R$ 350,00`."""
    named = []
    for index, cell in enumerate(cells):
        name = header[index].strip().rstrip(":") if index < len(header) else ""
        value = " ".join(cell.split())
        if value:
            named.append(f"{name}: {value}" if name and name != value else value)
    return "; ".join(named)


def table_blocks(rows: Iterable[Sequence[str]], page: int | None = None) -> Iterable[Block]:
    """The rows of a table; the first with two or more filled cells names the columns, lone cells before it are text."""
    header: Sequence[str] | None = None
    for cells in rows:
        filled = sum(1 for cell in cells if cell.strip())
        if not filled:
            continue
        if header is None and filled >= 2:
            header = cells
        elif header is None:
            yield Block(BlockKind.PARAGRAPH, " ".join(cells), page=page)
        else:
            yield Block(BlockKind.ROW, row_text(header, cells), page=page)
