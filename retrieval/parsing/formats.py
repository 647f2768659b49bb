"""Which parser reads a file: by what its bytes are, and by its extension where bytes cannot tell."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from retrieval.parsing.blocks import (
    Block,
    BlockKind,
    Gap,
    Limits,
    ParsedDocument,
    RejectionCode,
    Unparsable,
    clean,
    cleaned,
)

MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".html": "text/html",
    ".htm": "text/html",
    ".md": "text/markdown",
    ".markdown": "text/markdown",
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".tsv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/jsonl",
    ".eml": "message/rfc822",
}
OFFICE_MEMBERS = {"word/document.xml": ".docx", "ppt/presentation.xml": ".pptx", "xl/workbook.xml": ".xlsx"}
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED_MEMBER = "EncryptedPackage".encode("utf-16-le")


def parse(path: Path, name: str, limits: Limits) -> list[ParsedDocument]:
    """The documents that the file holds, with clean text; `name` gives type and title. Raises `Unparsable`."""
    if path.stat().st_size > limits.file_bytes:
        raise Unparsable(RejectionCode.TOO_LARGE, f"{path.stat().st_size} bytes")
    return parse_bytes(path.read_bytes(), name, limits)


def parse_bytes(data: bytes, name: str, limits: Limits, *, depth: int = 0) -> list[ParsedDocument]:
    """As `parse`; `depth` counts the e-mails around the data. Whatever a library raises becomes `Unparsable`."""
    if not data.strip():
        raise Unparsable(RejectionCode.EMPTY)
    try:
        kind = _kind(data, Path(name).suffix.lower(), limits)
        return [finished(document, name, limits) for document in _parsed(data, kind, name, limits, depth)]
    except Unparsable:
        raise
    except MemoryError as exc:
        raise Unparsable(RejectionCode.TOO_LARGE, "out of memory") from exc
    except Exception as exc:  # the edge of what was not written here: parsers raise anything for a damaged file
        raise Unparsable(RejectionCode.UNREADABLE, f"{type(exc).__name__}: {exc}") from exc


def _kind(data: bytes, extension: str, limits: Limits) -> str:
    """The extension of what the bytes are; the name is believed for text only."""
    if extension not in MEDIA_TYPES:
        raise Unparsable(RejectionCode.UNSUPPORTED, extension)
    if b"%PDF-" in data[:1024]:
        return ".pdf"
    if data.startswith(OLD_OFFICE):
        encrypted = ENCRYPTED_MEMBER in data
        raise Unparsable(RejectionCode.ENCRYPTED if encrypted else RejectionCode.UNSUPPORTED, "old office format")
    if data.startswith(b"PK\x03\x04"):
        from retrieval.parsing.office import check_archive

        names = check_archive(data, limits)
        found = next((kind for member, kind in OFFICE_MEMBERS.items() if member in names), None)
        if found is None:
            raise Unparsable(RejectionCode.UNREADABLE, "a zip archive that is no office document")
        return found
    if extension in (".pdf", *OFFICE_MEMBERS.values()):
        raise Unparsable(RejectionCode.UNREADABLE, f"not a {extension} file")
    return extension


def _parsed(data: bytes, kind: str, name: str, limits: Limits, depth: int) -> list[ParsedDocument]:
    """Parsers are imported when used: a text file should not wait for openpyxl."""
    if kind in (".json", ".jsonl"):
        from retrieval.parsing.plain import parse_json, parse_json_lines

        return parse_json(data, _title_of(name)) if kind == ".json" else [parse_json_lines(data, _title_of(name))]
    gaps: list[Gap] = []
    if kind == ".pdf":
        from retrieval.parsing.pdf import parse_pdf

        title, blocks, gaps = parse_pdf(data, limits)
    elif kind == ".eml":
        from retrieval.parsing.mail import parse_mail

        title, blocks, gaps = parse_mail(data, limits, depth)
    else:
        title, blocks = _titled_blocks(data, kind, limits)
    if not clean(title) and kind not in (".xlsx", ".eml"):  # a sheet's name is not the workbook's
        title = _first_heading(blocks)
    return [ParsedDocument(title or _title_of(name), MEDIA_TYPES[kind], tuple(blocks), gaps=tuple(gaps))]


def _titled_blocks(data: bytes, kind: str, limits: Limits) -> tuple[str, list[Block]]:
    if kind in OFFICE_MEMBERS.values():
        from retrieval.parsing import office

        if kind == ".xlsx":
            return office.parse_xlsx(data, limits)
        return office.parse_docx(data) if kind == ".docx" else office.parse_pptx(data)
    if kind in (".html", ".htm", ".md", ".markdown"):
        from retrieval.parsing import web

        return web.parse_html(data) if kind.startswith(".htm") else web.parse_markdown(data)
    from retrieval.parsing.plain import parse_csv, parse_text

    return "", list(parse_text(data) if kind == ".txt" else parse_csv(data))


def _title_of(name: str) -> str:
    stem = Path(name).stem.replace("_", " ").replace("-", " ").strip()
    return stem[:1].upper() + stem[1:]


def _first_heading(blocks: list[Block]) -> str:
    """The first heading of the highest level, which names a document that has no title of its own."""
    headings = [block for block in blocks if block.kind is BlockKind.HEADING and clean(block.text)]
    return min(headings, key=lambda block: block.level).text if headings else ""


def finished(document: ParsedDocument, name: str, limits: Limits) -> ParsedDocument:
    """Clean text under a title, the name where it has none. Raises `Unparsable`."""
    title = re.sub(r"\s+", " ", clean(document.title))[:300] or Path(name).stem
    blocks = cleaned(document.blocks, limits) if document.blocks or not document.gaps else ()
    return replace(document, title=title, blocks=blocks)
