"""HTML, and Markdown by way of HTML: one walker for both."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup
from bs4.dammit import EncodingDetector
from bs4.element import NavigableString, PreformattedString, Tag
from markdown_it import MarkdownIt

from retrieval.parsing.blocks import Block, BlockKind, row_text, table_blocks
from retrieval.parsing.plain import decode

NOT_CONTENT = "script style noscript template nav footer form button svg iframe object head aside dialog".split()
BLOCKS = frozenset(
    "address article blockquote body center dd details div dl dt fieldset figcaption figure h1 h2 h3 h4 h5 h6 header "
    "hr html li main ol p pre section summary table ul".split()
)
MOST_SPANNED = 100
FRONT_MATTER = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n", re.DOTALL)
FRONT_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)


def parse_html(data: bytes) -> tuple[str, list[Block]]:
    """Title (may be empty) and blocks; navigation, forms, scripts and hidden elements are left out."""
    return blocks_of_html(text_of(data))


def text_of(data: bytes, charset: str = "") -> str:
    """HTML decoded as the server said (`charset`), else as the page says, else by looking at it."""
    declared = charset or EncodingDetector.find_declared_encoding(data[:4096], is_html=True)
    try:
        return data.decode(declared or "utf-8")
    except (UnicodeDecodeError, LookupError):
        return decode(data)


def blocks_of(html: str) -> list[Block]:
    """The blocks alone."""
    return blocks_of_html(html)[1]


def parse_markdown(data: bytes) -> tuple[str, list[Block]]:
    """Title from the front matter or the first heading, and blocks."""
    text = decode(data)
    front = FRONT_MATTER.match(text)
    html = MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text[front.end() :] if front else text)
    title, blocks = blocks_of_html(html)
    named = FRONT_TITLE.search(front.group(1)) if front else None
    return named.group(1) if named else title, blocks


def blocks_of_html(html: str) -> tuple[str, list[Block]]:
    """As `parse_html`, of text that is decoded."""
    soup = BeautifulSoup(html, "lxml")
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    for element in soup.find_all(NOT_CONTENT):
        element.decompose()
    for element in soup.find_all(_is_hidden):
        element.decompose()
    return title, list(_walk(soup))


def _is_hidden(element: Tag) -> bool:
    style = str(element.get("style", "")).replace(" ", "").lower()
    return element.has_attr("hidden") or "display:none" in style or "visibility:hidden" in style


def _walk(element: Tag) -> Iterator[Block]:
    """Depth first; text between two block elements is a paragraph of its own."""
    loose: list[str] = []
    for child in element.children:
        if isinstance(child, Tag) and (child.name in BLOCKS or child.find(list(BLOCKS)) is not None):
            yield from _paragraph(loose)
            yield from _block(child)
        elif isinstance(child, Tag):
            loose.append("\n" if child.name == "br" else child.get_text())
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            loose.append(re.sub(r"\s+", " ", child))
    yield from _paragraph(loose)


def _block(element: Tag) -> Iterator[Block]:
    if element.name in ("h1", "h2", "h3", "h4", "h5", "h6"):
        yield Block(BlockKind.HEADING, element.get_text(" ", strip=True), level=int(element.name[1]))
    elif element.name == "table":
        yield from _table(element)
    elif element.name == "pre":
        yield Block(BlockKind.PARAGRAPH, element.get_text())
    elif element.name == "li":
        yield from _list_item(element)
    elif element.name == "dl":
        yield from _definitions(element)
    else:
        yield from _walk(element)


def _paragraph(loose: list[str]) -> Iterator[Block]:
    text = "".join(loose).strip()
    loose.clear()
    if text:
        yield Block(BlockKind.PARAGRAPH, text)


def _list_item(element: Tag) -> Iterator[Block]:
    for index, block in enumerate(_walk(element)):
        yield Block(BlockKind.ROW, f"- {block.text}") if index == 0 and block.kind is BlockKind.PARAGRAPH else block


def _definitions(element: Tag) -> Iterator[Block]:
    terms: list[str] = []
    for child in element.find_all(["dt", "dd"]):
        if child.name == "dt":
            terms = [child.get_text(" ", strip=True)]
        else:
            yield Block(BlockKind.ROW, row_text(terms, [child.get_text(" ", strip=True)]))


def _table(element: Tag) -> Iterator[Block]:
    if element.caption:
        yield Block(BlockKind.PARAGRAPH, element.caption.get_text(" ", strip=True))
    yield from table_blocks(_grid(element))


def _grid(table: Tag) -> Iterator[list[str]]:
    """Rows with a cell a column: one that spans rows is repeated in each, so that each can be read alone; one that
    spans columns stands in its first."""
    below: dict[int, tuple[int, str]] = {}  # column: how many rows more, and what stands there
    for row in table.find_all("tr"):
        cells: list[str] = []
        for cell in row.find_all(["td", "th"]):
            while len(cells) in below:
                cells.append(_taken(below, len(cells)))
            text = cell.get_text(" ", strip=True)
            for offset in range(_span(cell, "colspan")):
                shown = "" if offset else text
                if (rows := _span(cell, "rowspan")) > 1:
                    below[len(cells)] = rows - 1, shown
                cells.append(shown)
        while len(cells) in below:
            cells.append(_taken(below, len(cells)))
        yield cells


def _taken(below: dict[int, tuple[int, str]], column: int) -> str:
    rows, text = below.pop(column)
    if rows > 1:
        below[column] = rows - 1, text
    return text


def _span(cell: Tag, name: str) -> int:
    value = str(cell.get(name, "1"))
    return min(max(int(value), 1), MOST_SPANNED) if value.isdecimal() else 1
