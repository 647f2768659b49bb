from __future__ import annotations

import gzip
import time

import pytest

from retrieval.crawling.fetching import Fetcher
from retrieval.crawling.reasons import Reason
from retrieval.crawling.robots import read_robots
from retrieval.crawling.sitemaps import MOST_ENTRIES, BadSitemap, read_sitemap
from retrieval.crawling.survey import Survey
from retrieval.crawling.urls import Scope
from tests.retrieval.crawling.website import Website

RULES = b"\xef\xbb\xbfUser-agent: *\nDisallow: /interno\nAllow: /interno/aberto\nCrawl-delay: 7\nSitemap: https://e.br/mapa.xml\n"


def test_the_file_is_obeyed() -> None:
    robots = read_robots(200, RULES)
    assert robots.refusal("https://e.br/interno/x") is Reason.ROBOTS
    assert robots.refusal("https://e.br/interno/aberto") is None
    assert (robots.every_s, robots.sitemaps) == (7, ("https://e.br/mapa.xml",))


def test_a_robot_of_our_name_is_meant() -> None:
    assert read_robots(200, b"User-agent: AIONbot\nDisallow: /\n").refusal("https://e.br/") is Reason.ROBOTS


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_without_a_file_everything_is_allowed(status: int) -> None:
    assert read_robots(status, b"").refusal("https://e.br/") is None


@pytest.mark.parametrize("status", [429, 500, 503, 302])
def test_a_server_that_cannot_say_means_no(status: int) -> None:
    assert read_robots(status, b"").refusal("https://e.br/") is Reason.ROBOTS_UNREACHABLE


def test_hostile_rules_cost_no_time() -> None:
    begun = time.monotonic()
    robots = read_robots(200, b"User-agent: *\nDisallow: /" + b"*a" * 200 + b"$\n" + b"Disallow: /*x\n" * 20_000)
    robots.refusal("https://e.br/" + "a" * 1900)
    assert time.monotonic() - begun < 5


def test_an_unreachable_file_forbids_the_whole_site(website: Website) -> None:
    closed = Fetcher(allowed=lambda address: True, resolve=lambda host, port: [], least_s=0)
    survey = Survey(Scope(f"{website.url}/"), closed, until=time.monotonic() + 10)
    assert survey.refusal(f"{website.url}/") is Reason.ROBOTS_UNREACHABLE


def urlset(*addresses: str) -> bytes:
    entries = "".join(f"<url><loc>{address}</loc><lastmod>2026-01-01</lastmod></url>" for address in addresses)
    return (
        f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'.encode()
    )


def test_sitemaps_are_read_packed_and_in_an_index() -> None:
    assert read_sitemap(gzip.compress(urlset(" https://e.br/a ", "https://e.br/b"))).pages == (
        "https://e.br/a",
        "https://e.br/b",
    )
    index = b"<sitemapindex><sitemap><loc>https://e.br/1.xml</loc></sitemap></sitemapindex>"
    assert read_sitemap(index).sitemaps == ("https://e.br/1.xml",)


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><urlset><url><loc>&b;</loc></url></urlset>'
OUTSIDE = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset><url><loc>&a;</loc></url></urlset>'


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>nada</html>", b"<urlset><url><loc>x", LAUGHS, OUTSIDE, b"<a>" * 100_000, b"\x1f\x8bxx", b"\x00\xff",
     gzip.compress(b"<urlset>" + b" " * 60_000_000), urlset()],
    ids=["empty", "html", "torn", "laughs", "outside", "deep", "bad gzip", "binary", "gzip bomb", "nothing"],
)  # fmt: skip
def test_bombs_and_what_is_no_sitemap_are_refused(data: bytes) -> None:
    begun = time.monotonic()
    with pytest.raises(BadSitemap):
        read_sitemap(data)
    assert time.monotonic() - begun < 5


def test_of_a_longer_sitemap_the_beginning_is_read() -> None:
    assert len(read_sitemap(urlset(*["https://e.br/"] * (MOST_ENTRIES + 9))).pages) == MOST_ENTRIES


def test_a_sitemap_that_leads_to_itself_and_away_ends(website: Website, fetcher: Fetcher) -> None:
    index = f"<sitemapindex><sitemap><loc>{website.url}/sitemap.xml</loc></sitemap><sitemap><loc>http://outro.br/s.xml</loc></sitemap><sitemap><loc>{website.url}/b.xml</loc></sitemap></sitemapindex>"
    website.says("/sitemap.xml", index.encode())
    website.says("/b.xml", urlset(f"{website.url}/a", f"{website.url}/a#x", "https://outro.br/", f"{website.url}/b"))
    survey = Survey(Scope(f"{website.url}/"), fetcher, until=time.monotonic() + 10)
    assert survey.listed(10) == [f"{website.url}/a", f"{website.url}/b"]
    assert survey.listed(1) == [f"{website.url}/a"]
