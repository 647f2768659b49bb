"""Sitemaps: XML, plain or gzipped, that lists pages or further sitemaps. Pure; every size is bounded."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

MOST_ENTRIES = 50_000
LARGEST = 50 * 2**20  # bytes unpacked; both limits are the protocol's own
DEEPEST = 6  # elements; a sitemap needs three


class BadSitemap(Exception):
    """Not a sitemap, or one beyond the limits."""


@dataclass(frozen=True, slots=True)
class Sitemap:
    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()


def read_sitemap(data: bytes) -> Sitemap:
    """Addresses as they stand in it. Raises `BadSitemap`."""
    pages: list[str] = []
    sitemaps: list[str] = []
    path: list[str] = []
    try:
        for event, element in iterparse(io.BytesIO(_unpacked(data)), events=("start", "end"), forbid_dtd=True):
            if event == "start":
                path.append(element.tag.rpartition("}")[2])
                if len(path) > DEEPEST:
                    raise BadSitemap("nested too deep")
                continue
            if path == ["urlset", "url", "loc"] and element.text:
                pages.append(element.text.strip())
            elif path == ["sitemapindex", "sitemap", "loc"] and element.text:
                sitemaps.append(element.text.strip())
            if len(path) == 2:
                element.clear()
            path.pop()
            if len(pages) + len(sitemaps) >= MOST_ENTRIES:
                break
    except (ParseError, DefusedXmlException, ValueError, LookupError) as exc:
        raise BadSitemap(str(exc)) from exc
    if not pages and not sitemaps:
        raise BadSitemap("it lists nothing")
    return Sitemap(tuple(pages), tuple(sitemaps))


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacked = stream.decompress(data, LARGEST)
    except zlib.error as exc:
        raise BadSitemap(str(exc)) from exc
    if stream.unconsumed_tail:
        raise BadSitemap("too large when unpacked")
    return unpacked
