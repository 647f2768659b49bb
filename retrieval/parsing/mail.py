"""E-mail (.eml): its subject, who wrote to whom and when, what it says, and the attachments that can be read."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from dataclasses import replace
from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser

from retrieval.parsing.blocks import Block, BlockKind, Gap, Limits, RejectionCode, Unparsable
from retrieval.parsing.plain import decode, parse_text
from retrieval.parsing.web import blocks_of_html

DEEPEST = 3  # an e-mail in an e-mail in an e-mail
MOST_ATTACHED = 50
SHOWN_HEAD = 500  # characters of each line of the head: lists of recipients are long
HEAD = {"From": "De", "To": "Para", "Cc": "Cópia"}
SIGNATURES = frozenset(["application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"])


def parse_mail(data: bytes, limits: Limits, depth: int) -> tuple[str, list[Block], list[Gap]]:
    """Title (may be empty), blocks, and what was attached but could not be read. Raises `Unparsable`."""
    message = BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(data)
    if not any(name in message for name in (*HEAD, "Subject", "Date", "Received")):
        raise Unparsable(RejectionCode.UNREADABLE, "no header of an e-mail")
    return _parts_of(message, limits, depth)


def _parts_of(message: EmailMessage, limits: Limits, depth: int) -> tuple[str, list[Block], list[Gap]]:
    blocks = [*_head(message), *_body(message)]
    gaps: list[Gap] = []
    for number, part in enumerate(message.iter_attachments(), start=1):
        if part.get_content_type() in SIGNATURES:
            continue
        name = _name_of(part, number)
        try:
            if number > MOST_ATTACHED or depth >= DEEPEST:
                raise Unparsable(RejectionCode.TOO_LARGE, "too many attachments, or too deep")
            found, unread = _attachment(part, name, limits, depth + 1)
        except Unparsable as exc:
            gaps.append(Gap(exc.code, name))
            continue
        blocks.append(Block(BlockKind.HEADING, name, level=1))
        blocks.extend(replace(block, level=block.level + 1) if block.level else block for block in found)
        gaps.extend(replace(gap, name=" › ".join(filter(None, (name, gap.name)))) for gap in unread)
    return _header(message, "Subject"), blocks, gaps


def _attachment(part: EmailMessage, name: str, limits: Limits, depth: int) -> tuple[list[Block], list[Gap]]:
    from retrieval.parsing.formats import parse_bytes  # it imports this module

    if part.get_content_type() == "message/rfc822":
        _title, blocks, gaps = _parts_of(part.get_content(), limits, depth)
        return blocks, gaps
    content = part.get_payload(decode=True)
    documents = parse_bytes(content if isinstance(content, bytes) else b"", name, limits, depth=depth)
    blocks = [block for document in documents for block in document.blocks]
    return blocks, [gap for document in documents for gap in document.gaps]


def _head(message: EmailMessage) -> Iterator[Block]:
    for name, shown in HEAD.items():
        if value := _header(message, name):
            yield Block(BlockKind.ROW, f"{shown}: {value}")
    try:
        sent = message["Date"].datetime if message["Date"] else None
    except (AttributeError, TypeError, ValueError, OverflowError):
        sent = None
    if sent is not None:
        yield Block(BlockKind.ROW, sent.strftime("Data: %d/%m/%Y %H:%M"))


def _header(message: EmailMessage, name: str) -> str:
    """ "" where there is none, or none that the library can read: it lets these errors through for malformed ones."""
    try:
        return str(message[name] or "")[:SHOWN_HEAD]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return ""


def _body(message: EmailMessage) -> list[Block]:
    """What it says as plain text, else as HTML."""
    for kind in ("plain", "html"):
        part = message.get_body(preferencelist=(kind,))
        text = _text_of(part) if part is not None else ""
        if text.strip():
            return list(parse_text(text.encode("utf-8", "replace"))) if kind == "plain" else blocks_of_html(text)[1]
    return []


def _text_of(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        return content.decode(part.get_content_charset() or "utf-8")
    except (UnicodeDecodeError, LookupError):
        return decode(content)


def _name_of(part: Message, number: int) -> str:
    """As the sender called it; else by its number and type."""
    name = part.get_filename()
    if name:
        return " ".join(name.split())[:200]
    return f"anexo {number}{mimetypes.guess_extension(part.get_content_type()) or ''}"
