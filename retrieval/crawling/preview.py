"""What a visit would fetch, and what not and why: looked up on the site itself, nothing is stored."""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from retrieval.crawling.fetching import Fetcher, Reply
from retrieval.crawling.pace import SECONDS_BETWEEN, NoTurn
from retrieval.crawling.reasons import FetchFailed, Reason
from retrieval.crawling.sites import scope_of
from retrieval.crawling.survey import READABLE, Survey
from retrieval.crawling.urls import canonical
from retrieval.models import CrawledPage, Site
from retrieval.parsing.blocks import Limits, Page, Unparsable
from retrieval.parsing.sandbox import Parser

PATIENCE_S = 20.0  # somebody waits in front of the page
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Verdict:
    """An address; `reason` is empty where it would be fetched."""

    url: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """`problem` is a `Reason` why nothing at all would be read; `is_cut` where time ran out before all was seen."""

    verdicts: tuple[Verdict, ...] = ()
    in_sitemaps: int = 0
    every_s: float = 0.0
    problem: str = ""
    is_cut: bool = False

    @property
    def fetched(self) -> tuple[str, ...]:
        return tuple(verdict.url for verdict in self.verdicts if not verdict.reason)

    @property
    def left_out(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.reason)

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self) | {"left_out": dict(Counter(verdict.reason for verdict in self.left_out))}


def preview(site: Site, *, fetcher: Fetcher | None = None, patience_s: float = PATIENCE_S) -> Preview:
    """Look at robots.txt, the sitemaps and the start page, at the site's own pace. Raises `redis.RedisError`."""
    survey = Survey(scope_of(site), fetcher or Fetcher(), until=time.monotonic() + patience_s)
    listed: list[str] = []
    try:
        robots = survey.robots(site.address)
        if reason := survey.refusal(site.address):
            return Preview(problem=reason)
        listed = survey.listed(site.max_pages) if site.max_depth else []
        reply = survey.page(site.address, {})
        if reply.status != 200:
            return Preview(problem=Reason.SERVER_ERROR)
        links = _parsed(reply).links if site.max_depth else ()
        verdicts = _verdicts(survey, site, [site.address, *listed, *links], reply.url)
        return Preview(verdicts, len(listed), max(SECONDS_BETWEEN, robots.every_s))
    except FetchFailed as exc:
        return Preview(problem=exc.reason)
    except NoTurn:
        known = tuple(Verdict(url) for url in listed)
        return Preview(known, len(listed), is_cut=True)


def _verdicts(survey: Survey, site: Site, addresses: Iterable[str], base: str) -> tuple[Verdict, ...]:
    found: dict[str, Verdict] = {}
    taken = 0
    for address in addresses:
        try:
            url = canonical(address, base)
            reason = survey.refusal(url)
        except FetchFailed as exc:
            url, reason = address, exc.reason
        if url in found:
            continue
        if reason is None and taken >= site.max_pages:
            reason = Reason.LIMIT
        if reason is None and CrawledPage.objects.filter(url=url).exclude(site=site.pk).exists():
            reason = Reason.OTHER_SITE
        taken += reason is None
        found[url] = Verdict(url, reason or "")
    return tuple(found.values())


def _parsed(reply: Reply) -> Page:
    if READABLE[reply.media_type] != ".html":
        return Page(None)
    with tempfile.TemporaryDirectory(prefix="aion-preview-") as folder, Parser(Limits(seconds=20)) as parser:
        path = Path(folder) / "page.html"
        path.write_bytes(reply.body)
        try:
            return parser.page(path, url=reply.url, charset=reply.charset)
        except Unparsable as exc:
            raise FetchFailed(Reason.UNREADABLE, exc.detail) from exc
