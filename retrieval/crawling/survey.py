"""What a site says of itself before its pages are read: robots.txt of each of its origins, and its sitemaps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from retrieval.crawling.fetching import Fetcher, Reply, Want
from retrieval.crawling.reasons import FetchFailed, Reason
from retrieval.crawling.robots import LARGEST as LARGEST_ROBOTS
from retrieval.crawling.robots import Robots, read_robots
from retrieval.crawling.sitemaps import LARGEST as LARGEST_SITEMAP
from retrieval.crawling.sitemaps import BadSitemap, read_sitemap
from retrieval.crawling.urls import Scope, canonical, origin_of
from retrieval.parsing.formats import MEDIA_TYPES

MOST_SITEMAPS = 50
LARGEST_PAGE = 20 * 2**20
READABLE = {
    media_type: suffix
    for suffix, media_type in MEDIA_TYPES.items()
    if suffix in (".pdf", ".docx", ".pptx", ".xlsx", ".html", ".txt")
} | {"application/xhtml+xml": ".html"}
"""Types of content that become documents, with the suffix of their files."""


class Survey:
    """One site, looked at until `until` (`time.monotonic`); all its requests go through here."""

    def __init__(self, scope: Scope, fetcher: Fetcher, *, until: float) -> None:
        self.scope = scope
        self._fetcher = fetcher
        self._until = until
        self._robots: dict[str, Robots] = {}

    def refusal(self, url: str, depth: int = 0) -> Reason | None:
        """Why a canonical address may not be fetched, by the site's settings and its robots.txt."""
        return self.scope.refusal(url, depth) or self.robots(url).refusal(url)

    def robots(self, url: str) -> Robots:
        """Those of the address's origin, asked once. Raises `NoTurn`."""
        origin = origin_of(url)
        if origin not in self._robots:
            try:
                reply = self._fetcher.get(f"{origin}/robots.txt", self._plain(LARGEST_ROBOTS), until=self._until)
                self._robots[origin] = read_robots(reply.status, reply.body)
            except FetchFailed as exc:
                is_private = exc.reason is Reason.NOT_PUBLIC
                self._robots[origin] = Robots(failure=exc.reason if is_private else Reason.ROBOTS_UNREACHABLE)
        return self._robots[origin]

    def page(self, url: str, headers: Mapping[str, str]) -> Reply:
        """A page; `headers` make it conditional. Raises `FetchFailed` and `NoTurn`."""
        every_s = self.robots(url).every_s
        want = Want(self.refusal, LARGEST_PAGE, tuple(READABLE), every_s, headers)
        return self._fetcher.get(url, want, until=self._until)

    def listed(self, most: int) -> list[str]:
        """Canonical addresses in the site's sitemaps that belong to it, in order, at most so many."""
        found: dict[str, None] = {}
        for address in self._listed():
            if len(found) >= most:
                break
            try:
                url = canonical(address, self.scope.address)
            except FetchFailed:
                continue
            if self.scope.refusal(url) is None:
                found[url] = None
        return list(found)

    def _listed(self) -> Iterator[str]:
        """As they stand in the sitemaps that robots.txt names, or in the usual one; a bad one lists nothing."""
        robots = self.robots(self.scope.address)
        waiting = list(robots.sitemaps) or [f"{origin_of(self.scope.address)}/sitemap.xml"]
        seen: set[str] = set()
        while waiting and len(seen) < MOST_SITEMAPS:
            try:
                url = canonical(waiting.pop(0), self.scope.address)
                if url in seen:
                    continue
                seen.add(url)
                want = self._plain(LARGEST_SITEMAP, robots.every_s)
                reply = self._fetcher.get(url, want, until=self._until)
                sitemap = read_sitemap(reply.body)
            except (FetchFailed, BadSitemap):
                continue
            waiting.extend(sitemap.sitemaps)
            yield from sitemap.pages

    def _plain(self, largest_bytes: int, every_s: float = 0.0) -> Want:
        """A file about the site: anywhere on its host, whatever its settings leave out."""
        return Want(Scope(self.scope.address).refusal, largest_bytes, (), every_s)
