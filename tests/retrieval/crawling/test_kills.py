"""A crawl that is killed by -9 goes on where it was: nothing is lost, nothing doubled, no pace stuck."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

import pytest
from django.conf import settings

from retrieval.crawling import pace
from retrieval.crawling.urls import site_of
from retrieval.models import Chunk, CrawledPage, Document, Site
from tests.retrieval.crawling.website import Website

PAGES = [f"/p{number:02}/" for number in range(12)]
KILLS = {"asking": "/p02/", "embedding": "/p05/", "noting": "/p08/"}


def crawl(moment: str = "", path: str = "") -> subprocess.CompletedProcess[str]:
    """In a process of its own, on this test's database and Redis."""
    address = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{settings.DATABASES['default']['NAME']}")
    environment = os.environ | {"DATABASE_URL": address.geturl(), "AION_EMBEDDER": "words:384"}
    program = [sys.executable, "-m", "tests.retrieval.crawling.crawler", moment, path]
    return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.django_db(transaction=True)
def test_a_crawl_killed_at_its_worst_moments_goes_on_where_it_was(website: Website) -> None:
    website.page("/", "Início.", *PAGES)
    for path in PAGES:
        website.page(path, f"Texto de {path}.")
    site = Site.objects.create(tenant="default", address=f"{website.url}/")

    for moment, path in KILLS.items():
        assert crawl(moment, path).returncode == -signal.SIGKILL
        stored = list(Document.objects.values_list("source", flat=True))
        assert len(stored) == len(set(stored))
        assert not Document.objects.filter(chunks=None).exists()
    finished = crawl()

    assert finished.returncode == 0, finished.stderr
    report = json.loads(finished.stdout)[site.address]
    assert (report["problem"], report["failed"], report["retired"]) == ("", 0, 0)
    every = {f"{website.url}{path}" for path in ("/", *PAGES)}
    assert sorted(Document.objects.values_list("source", flat=True)) == sorted(every)
    assert sorted(CrawledPage.objects.filter(status="read").values_list("url", flat=True)) == sorted(every)
    assert Chunk.objects.count() == len(every)
    asked = Counter(website.paths())
    assert {path: asked[path] for path in PAGES} == {path: 2 if path in KILLS.values() else 1 for path in PAGES}
    pace.wait_for_turn(site_of(site.address), every_s=0.05, until=time.monotonic() + 2)  # raises where none is near
