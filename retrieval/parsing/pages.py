"""A page of the web: its main text without menus and footers, what it links to, and what it asks of robots."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urljoin

import trafilatura
from bs4 import BeautifulSoup
from bs4.element import Tag
from trafilatura.settings import use_config

from retrieval.parsing.blocks import Limits, Page, ParsedDocument, RejectionCode, Unparsable
from retrieval.parsing.formats import finished
from retrieval.parsing.web import blocks_of, text_of

MOST_LINKS = 2000
LONGEST_LINK = 2000
HOLDER = re.compile(
    r"^(main|page|site)?[-_]?(conte[uú]do|content|principal|main)([-_]?(core|principal|main|content|area|body))?$", re.I
)
CONFIG = use_config()
CONFIG["DEFAULT"]["MIN_EXTRACTED_SIZE"] = "50"  # a page of opening hours is short; below this structure is lost
CONFIG["DEFAULT"]["EXTRACTION_TIMEOUT"] = "0"  # the sandbox has its own alarm


def read_page(path: Path, url: str, charset: str, limits: Limits) -> Page:
    """Raises `Unparsable`; `charset` is what the server said, "" where it said nothing."""
    html = text_of(path.read_bytes(), charset)
    soup = BeautifulSoup(html, "lxml")
    wishes = _wishes(soup)
    try:
        document = finished(_main_text(soup), url.rstrip("/").rpartition("/")[2], limits)
    except Unparsable as exc:
        if exc.code is not RejectionCode.EMPTY:
            raise
        document = None
    links = () if "nofollow" in wishes else tuple(_links(soup, url))
    return Page(document, links, _canonical(soup, url), "noindex" in wishes)


def _main_text(soup: BeautifulSoup) -> ParsedDocument:
    """What trafilatura takes for the page's own, as the blocks of a file; where no element holds it, it takes more."""
    title = soup.title.get_text(" ", strip=True) if soup.title else ""
    main = trafilatura.extract(
        _marked(soup),
        output_format="html",
        include_comments=False,
        include_tables=True,
        include_formatting=True,
        favor_recall=_holder(soup) is None,
        config=CONFIG,
    )
    return ParsedDocument(title, "text/html", tuple(blocks_of(main)) if main else ())


def _marked(soup: BeautifulSoup) -> str:
    """With the element that holds the content marked as such: trafilatura knows the names, but not the Portuguese
    ones, and without that element it loses headings and lists."""
    holder = _holder(soup)
    if holder is not None and holder.name not in ("main", "article"):
        holder["role"] = "main"
    return str(soup)


def _holder(soup: BeautifulSoup) -> Tag | None:
    boxes = ["div", "section", "td"]
    return (
        soup.find(["main", "article"])
        or soup.find(role="main")
        or soup.find(boxes, id=HOLDER)
        or soup.find(boxes, class_=HOLDER)
    )


def _wishes(soup: BeautifulSoup) -> set[str]:
    wishes: set[str] = set()
    for meta in soup.find_all("meta", attrs={"name": True, "content": True}):
        if str(meta["name"]).lower() in ("robots", "aionbot"):
            wishes |= {wish.strip() for wish in str(meta["content"]).lower().split(",")}
    return wishes | ({"noindex", "nofollow"} if "none" in wishes else set())


def _links(soup: BeautifulSoup, url: str) -> Iterable[str]:
    base = soup.find("base", href=True)
    base_url = _joined(url, str(base["href"])) if isinstance(base, Tag) else url
    found: dict[str, None] = {}
    for anchor in soup.find_all("a", href=True):
        link = _joined(base_url, str(anchor["href"]).strip())
        if link.startswith(("http://", "https://")) and "nofollow" not in (anchor.get("rel") or ()):
            found[link.partition("#")[0]] = None
        if len(found) >= MOST_LINKS:
            break
    return found


def _canonical(soup: BeautifulSoup, url: str) -> str:
    link = soup.find("link", rel="canonical", href=True)
    return _joined(url, str(link["href"])) if isinstance(link, Tag) else ""


def _joined(base: str, address: str) -> str:
    if len(address) > LONGEST_LINK:
        return ""
    try:
        return urljoin(base, address)
    except ValueError:
        return ""
