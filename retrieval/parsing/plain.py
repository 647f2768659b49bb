"""Text, CSV and JSON, SQuAD's JSON included."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator

from charset_normalizer import from_bytes

from retrieval.parsing.blocks import (
    LIST_ITEM,
    Block,
    BlockKind,
    ParsedDocument,
    RejectionCode,
    Unparsable,
    clean,
    table_blocks,
    unwrapped,
)

LONGEST_HEADING = 100
PORTUGUESE = set("áàâãäéèêëíìîïóòôõöúùûüçñÁÀÂÃÄÉÈÊËÍÌÎÏÓÒÔÕÖÚÙÛÜÇÑªº°§–—‘’“”…•·€£©®™«»´¨½¼¾²³±×÷\xa0\xad")


def decode(data: bytes) -> str:
    """UTF-8 and UTF-16 by their marks, UTF-8, then what Portuguese Windows writes, then a guess by statistics."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _decode_as(data, "utf-16")
    if b"\0" in data:
        raise Unparsable(RejectionCode.UNREADABLE, "binary data where text was expected")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8-sig" or all(char in PORTUGUESE for char in text if ord(char) > 127):
            return text
    guess = from_bytes(data, cp_isolation=["cp1252", "cp850", "mac_roman"]).best()
    if guess is None:
        raise Unparsable(RejectionCode.WRONG_ENCODING)
    return str(guess)


def _decode_as(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as exc:
        raise Unparsable(RejectionCode.WRONG_ENCODING, str(exc)) from exc


def parse_text(data: bytes) -> Iterator[Block]:
    """Paragraphs, which blank lines part; a line in capitals above one is a heading."""
    for paragraph in re.split(r"\n\s*\n", decode(data).replace("\r\n", "\n").replace("\r", "\n")):
        lines = [line.strip() for line in paragraph.strip().split("\n")]
        if lines[0].isupper() and len(lines[0]) <= LONGEST_HEADING:
            yield Block(BlockKind.HEADING, lines.pop(0), level=2)
        for text in unwrapped(lines):
            yield Block(BlockKind.ROW if LIST_ITEM.match(text) else BlockKind.PARAGRAPH, text)


def parse_csv(data: bytes) -> Iterable[Block]:
    """Rows with their column's names; the delimiter is what the first lines agree on."""
    text = decode(data)
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:8192], delimiters=";,\t|")
    except csv.Error:
        dialect = csv.excel
    try:
        yield from table_blocks(csv.reader(io.StringIO(text, newline=""), dialect))
    except csv.Error as exc:
        raise Unparsable(RejectionCode.UNREADABLE, str(exc)) from exc


def parse_json(data: bytes, title: str) -> list[ParsedDocument]:
    """SQuAD's shape gives a document a title, a passage a paragraph; other JSON one document of `key: value` rows."""
    try:
        value = json.loads(decode(data))
    except (json.JSONDecodeError, RecursionError) as exc:
        raise Unparsable(RejectionCode.UNREADABLE, str(exc)) from exc
    if _is_squad(value):
        return [_squad_document(entry, number) for number, entry in enumerate(value["data"], start=1)]
    return [ParsedDocument(title, "application/json", tuple(_json_blocks(value, 1)))]


def parse_json_lines(data: bytes, title: str) -> ParsedDocument:
    """One object a line."""
    try:
        values = [json.loads(line) for line in decode(data).splitlines() if line.strip()]
    except (json.JSONDecodeError, RecursionError) as exc:
        raise Unparsable(RejectionCode.UNREADABLE, str(exc)) from exc
    return ParsedDocument(title, "application/jsonl", tuple(_json_blocks(values, 1)))


def _is_squad(value: object) -> bool:
    entries = value.get("data") if isinstance(value, dict) else None
    return (
        isinstance(entries, list)
        and bool(entries)
        and all(isinstance(entry, dict) and isinstance(entry.get("paragraphs"), list) for entry in entries)
    )


def _squad_document(entry: dict[str, object], number: int) -> ParsedDocument:
    title = clean(str(entry.get("title") or "").replace("_", " ")) or str(number)
    paragraphs = entry["paragraphs"]
    assert isinstance(paragraphs, list)  # noqa: S101 - `_is_squad` saw it; this tells the type checker
    contexts = (str(item.get("context", "")) for item in paragraphs if isinstance(item, dict))
    blocks = tuple(Block(BlockKind.PASSAGE, context) for context in contexts)
    return ParsedDocument(title, "application/json", blocks, part=title)


def _json_blocks(value: object, level: int) -> Iterator[Block]:
    if isinstance(value, dict):
        scalars = {str(key): item for key, item in value.items() if not isinstance(item, (dict, list))}
        if scalars:
            pairs = (f"{key}: {_scalar(item)}" for key, item in scalars.items() if item not in (None, ""))
            yield Block(BlockKind.ROW, "; ".join(pairs))
        for key, item in value.items():
            if isinstance(item, (dict, list)):
                yield Block(BlockKind.HEADING, str(key), level=level)
                yield from _json_blocks(item, level + 1)
    elif isinstance(value, list):
        if value and not any(isinstance(item, (dict, list)) for item in value):
            yield Block(BlockKind.ROW, ", ".join(_scalar(item) for item in value))
            return
        for item in value:
            yield from _json_blocks(item, level)
    else:
        yield Block(BlockKind.PARAGRAPH, _scalar(value))


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "sim" if value else "não"
    return "" if value is None else str(value)
