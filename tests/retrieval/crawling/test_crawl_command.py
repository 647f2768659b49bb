from __future__ import annotations

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from retrieval import tasks
from retrieval.crawling import preview, visiting
from retrieval.crawling.fetching import Fetcher
from retrieval.models import Document, Site
from tests.retrieval.crawling.website import Website

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("word_embedder")]


@pytest.fixture(autouse=True)
def _this_machine_may_be_asked(monkeypatch: pytest.MonkeyPatch, fetcher: Fetcher) -> None:
    for module in (visiting, preview):
        monkeypatch.setattr(module, "Fetcher", lambda: fetcher)


@pytest.fixture
def site(website: Website) -> Site:
    website.page("/", "Início.", "/a", "https://outro.br/")
    website.page("/a", "Conteúdo.")
    return Site.objects.create(tenant="default", address=f"{website.url}/")


def crawl(*arguments: str) -> str:
    out = io.StringIO()
    call_command("crawl", *arguments, stdout=out)
    return out.getvalue()


def test_it_visits_the_listed_sites_and_prints_the_reports(site: Site) -> None:
    report = json.loads(crawl("--json"))[site.address]
    assert (report["read"], report["problem"]) == (2, "")
    assert Document.objects.count() == 2
    assert "2 páginas lidas; 0 com texto novo" in crawl()


def test_a_preview_stores_nothing(site: Site) -> None:
    found = json.loads(crawl("--preview", "--json", "--site", site.address.upper()))[site.address]
    assert found["left_out"] == {"off_site": 1}
    assert f"+ {site.address}a" in crawl("--preview")
    assert not Document.objects.exists()


def test_an_address_that_is_not_listed_is_refused(site: Site) -> None:
    with pytest.raises(CommandError, match="não está na lista"):
        crawl("--site", "https://outro.br/")


def test_the_schedule_has_due_sites_visited_and_goes_on_with_what_was_cut_short(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.visit_site, "delay", tasks.visit_site)
    tasks.visit_sites()
    assert Document.objects.count() == 2
    asked: list[float] = []
    monkeypatch.setattr(visiting, "visit", lambda site_id, forced: 7.0)
    monkeypatch.setattr(tasks.visit_site, "apply_async", lambda args, countdown: asked.append(countdown))
    tasks.visit_site(site.pk)
    assert asked == [7.0]
