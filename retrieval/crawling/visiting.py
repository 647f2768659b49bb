"""One visit to a site, told from robots.txt to the report. A visit that was cut short or killed goes on where it was:
what it has still to do is in the table of pages. A site that fails retires nothing."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from retrieval.crawling import pages
from retrieval.crawling.fetching import Fetcher, Reply
from retrieval.crawling.pace import NoTurn
from retrieval.crawling.pages import Status
from retrieval.crawling.reasons import FetchFailed, Reason
from retrieval.crawling.sites import is_due, scope_of
from retrieval.crawling.survey import READABLE, Survey
from retrieval.crawling.urls import canonical, path_of
from retrieval.exceptions import RetrievalError
from retrieval.ingestion import Status as Stored
from retrieval.ingestion import ingest_page
from retrieval.models import CrawledPage, Site
from retrieval.parsing.blocks import Limits, Page, ParsedDocument, Unparsable
from retrieval.parsing.sandbox import Parser
from retrieval.storage import Place

log = logging.getLogger(__name__)
SLICE_S = 120.0
"""A visit works this long at a time, then lets other tasks of the worker have their turn."""
DOWN = (Reason.SERVER_ERROR, Reason.UNREACHABLE, Reason.TOO_SLOW)
GIVE_UP_AFTER = 5  # pages in a row
MISSES = 3  # visits in a row; one may be a mistake of the site
NO_LONGER_OURS = (Reason.FORBIDDEN, Reason.OFF_SITE, Reason.ROBOTS, Reason.EXCLUDED, Reason.TYPE, Reason.EMPTY)
LIMITS = Limits(seconds=60)
NAMED = 50  # retired pages in a report


class SiteBusy(RetrievalError):
    """Another worker is visiting this site."""


def visit(
    site_id: int, *, fetcher: Fetcher | None = None, forced: bool = False, slice_s: float = SLICE_S
) -> float | None:
    """Begin the visit that is due (or `forced`), or go on with the one that was begun, for `slice_s` seconds.

    Returns after how many seconds to go on, None when nothing is left. Raises `SiteBusy`, `EmbeddingFailed`, and
    `redis.RedisError` where the shared pace cannot be had.
    """
    with _alone(site_id):
        site = Site.objects.filter(pk=site_id).first()
        if site is None or not (forced or is_due(site, timezone.now())):
            return None
        with Parser(LIMITS) as parser, tempfile.TemporaryDirectory(prefix="aion-crawl-") as folder:
            return _Visit(site, fetcher or Fetcher(), parser, Path(folder), time.monotonic() + slice_s).go_on()


class _Visit:
    def __init__(self, site: Site, fetcher: Fetcher, parser: Parser, folder: Path, until: float) -> None:
        self.site = site
        self.survey = Survey(scope_of(site), fetcher, until=until)
        self.parser = parser
        self.folder = folder
        self.until = until

    def go_on(self) -> float | None:
        """As `visit`."""
        try:
            if failure := self.survey.robots(self.site.address).failure:
                self._end(failure)
                return None
            if self.site.visit_started_at is None:
                self._begin()
            failures = 0
            while (page := pages.next_to_visit(self.site)) is not None:
                if time.monotonic() >= self.until:
                    return 0.0
                failures = failures + 1 if self._visit(page) in DOWN else 0
                if failures >= GIVE_UP_AFTER:
                    self._end(Reason.UNREACHABLE)
                    return None
        except NoTurn as later:
            return later.wait_s
        self._end()
        return None

    def _begin(self) -> None:
        """The sitemaps are read before anything is written: killed until then, the visit has not begun."""
        listed = self.survey.listed(self.site.max_pages)
        self.site.visit_started_at = timezone.now()
        Site.objects.filter(pk=self.site.pk).update(visit_started_at=self.site.visit_started_at, report={})
        self._take_up([self.site.address], 0)
        if self.site.max_depth:
            self._take_up(listed, 1)

    def _visit(self, page: CrawledPage) -> Reason | None:
        """Returns why it was not read, None where it was."""
        if reason := self.survey.refusal(page.url, page.depth):
            if reason in (Reason.ROBOTS_UNREACHABLE, Reason.NOT_PUBLIC):
                pages.note(page, Status.FAILED, reason)
            else:
                pages.retire(page, Status.REFUSED, reason)
            return reason
        try:
            reply = self.survey.page(page.url, _conditions(page))
            if reason := _judged(reply):
                raise FetchFailed(reason, str(reply.status))
            self._kept(page) if reply.status == 304 else self._read(page, reply)
        except FetchFailed as exc:
            self._failed(page, exc)
            return exc.reason
        return None

    def _failed(self, page: CrawledPage, failure: FetchFailed) -> None:
        reason = failure.reason
        missed = page.missed + 1
        if reason is Reason.GONE:
            pages.retire(page, Status.GONE, reason)
        elif reason not in NO_LONGER_OURS:
            pages.note(page, Status.FAILED, reason, failure.detail)
        elif page.document_id is None or missed >= MISSES:
            pages.retire(page, Status.REFUSED, reason, missed=missed)
        else:
            pages.note(page, Status.FAILED, reason, failure.detail, missed=missed)

    def _kept(self, page: CrawledPage) -> None:
        """Unchanged: it leads where it led."""
        pages.note(page, Status.READ, **self._seen(page))
        self._take_up(page.links, page.depth + 1)

    def _read(self, page: CrawledPage, reply: Reply) -> None:
        """Parse and store what came. The page of another address (by redirect, or as it says itself) is that one's."""
        found = self._parsed(reply)
        links = self._ours(found.links, reply.url)
        other = self._true_address(found, reply)
        if other != page.url:
            pages.retire(page, Status.REFUSED, Reason.MOVED)
            self._take_up([other], page.depth)
            moved = pages.known(self.site).filter(url=other).first()
            if other != reply.url or moved is None or self._is_done(moved):
                return
            page = moved
        self._take_up(links, page.depth + 1)
        if found.noindex:
            pages.retire(page, Status.REFUSED, Reason.NO_INDEX)
        elif found.document is None:
            self._failed(page, FetchFailed(Reason.EMPTY))
        else:
            self._store(page, reply, found.document, links)

    def _store(self, page: CrawledPage, reply: Reply, document: ParsedDocument, links: list[str]) -> None:
        place = Place(self.site.tenant, self.site.collection, tuple(self.site.labels), tuple(self.site.groups))
        outcome = ingest_page(document, url=page.url, size_bytes=len(reply.body), place=place)
        changed: dict[str, Any] = (
            {"changed_at": timezone.now()} if outcome.status in (Stored.STORED, Stored.REPLACED) else {}
        )
        pages.note(
            page,
            Status.READ,
            detail=outcome.reason,
            document=outcome.document_id,
            etag=reply.headers.get("etag", ""),
            last_modified=reply.headers.get("last-modified", ""),
            links=links,
            **(changed | self._seen(page)),
        )

    def _parsed(self, reply: Reply) -> Page:
        suffix = READABLE[reply.media_type]
        path = self.folder / f"page{suffix}"
        path.write_bytes(reply.body)
        try:
            if suffix == ".html":
                return self.parser.page(path, url=reply.url, charset=reply.charset)
            name = path_of(reply.url).rpartition("/")[2].removesuffix(suffix) or "page"
            return Page(self.parser.parse(path, name=f"{name}{suffix}")[0])
        except Unparsable as exc:
            raise FetchFailed(Reason.UNREADABLE, f"{exc.code}: {exc.detail}") from exc
        finally:
            path.unlink(missing_ok=True)

    def _true_address(self, found: Page, reply: Reply) -> str:
        """Where the page says it lives. Believed for the same path only: sites that name their first page as the
        canonical address of every page are common."""
        if not found.canonical:
            return reply.url
        try:
            named = canonical(found.canonical, reply.url)
        except FetchFailed:
            return reply.url
        is_same_path = path_of(named).rstrip("/") == path_of(reply.url).rstrip("/")
        return named if is_same_path and self.survey.refusal(named) is None else reply.url

    def _ours(self, links: tuple[str, ...], base: str) -> list[str]:
        """Those that lead to pages of the site."""
        found: dict[str, None] = {}
        for link in links:
            try:
                url = canonical(link, base)
            except FetchFailed:
                continue
            if self.survey.refusal(url) is None:
                found[url] = None
        return list(found)

    def _take_up(self, urls: list[str], depth: int) -> None:
        if depth <= self.site.max_depth and not pages.take_up(self.site, urls, depth):
            self.site.report = {"limit": True}
            Site.objects.filter(pk=self.site.pk).update(report=self.site.report)

    def _seen(self, page: CrawledPage) -> dict[str, Any]:
        return {} if page.last_seen < self._began() else {"missed": 0}

    def _is_done(self, page: CrawledPage) -> bool:
        return page.visited_at is not None and page.visited_at >= self._began()

    def _began(self) -> datetime:
        return self.site.visit_started_at or timezone.now()

    def _end(self, problem: Reason | None = None) -> None:
        """Retire what the whole visit proves gone, and write the report; the visit is over."""
        began = self._began()
        is_whole = problem is None and not self.site.report.get("limit")
        if is_whole and not pages.visited_since(self.site, began).filter(reason__in=DOWN).exists():
            pages.retire_unlinked(self.site, after=MISSES)
        report = report_of(self.site, began) | {"problem": problem or ""}
        if problem:
            log.warning("%s was not visited to its end: %s", self.site.address, problem)
        Site.objects.filter(pk=self.site.pk).update(visit_started_at=None, visited_at=timezone.now(), report=report)


def report_of(site: Site, began: datetime) -> dict[str, object]:
    """What a visit that began then has found so far; plain values for JSON."""
    found = pages.visited_since(site, began)
    retired = pages.known(site).filter(retired_at__gte=began).order_by("url")
    return {
        "began": began.isoformat(),
        "read": found.filter(status=Status.READ).count(),
        "changed": found.filter(changed_at__gte=began).count(),
        "failed": found.filter(status=Status.FAILED).count(),
        "refused": found.filter(status=Status.REFUSED).count(),
        "retired": retired.count(),
        "retired_pages": [{"url": page.url, "reason": page.reason} for page in retired[:NAMED]],
        "limit": bool(site.report.get("limit")),
    }


def _conditions(page: CrawledPage) -> dict[str, str]:
    """Headers that spare an unchanged page; none where its text is not here (any more)."""
    if page.document_id is None:
        return {}
    named = {"If-None-Match": page.etag, "If-Modified-Since": page.last_modified}
    return {name: value for name, value in named.items() if value}


def _judged(reply: Reply) -> Reason | None:
    if reply.status in (200, 304):
        return None
    if reply.status in (404, 410):
        return Reason.GONE
    return Reason.FORBIDDEN if reply.status in (401, 403, 407) else Reason.SERVER_ERROR


@contextmanager
def _alone(site_id: int) -> Iterator[None]:
    """Hold the site's lock on a connection of its own; PostgreSQL frees it if this process dies. Raises `SiteBusy`."""
    own, name = connection.copy(), f"retrieval.crawl:{site_id}"
    try:
        with own.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [name])
            if not cursor.fetchone()[0]:
                raise SiteBusy(name)
        try:
            yield
        finally:
            with own.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [name])
    finally:
        own.close()
