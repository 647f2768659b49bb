"""`manage.py crawl`, allowed to ask this machine, that dies by -9 in the middle of one page.

`python -m tests.retrieval.crawling.crawler MOMENT PATH`; MOMENT is `asking`, `embedding` or `noting`, anything else
lets it live.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from retrieval import embeddings  # noqa: E402
from retrieval.crawling import pages, visiting  # noqa: E402
from retrieval.crawling.fetching import Fetcher, Reply, Want  # noqa: E402
from retrieval.embeddings import Vectors  # noqa: E402
from retrieval.models import CrawledPage  # noqa: E402
from tests.retrieval.conftest import WordEmbedder  # noqa: E402

MOMENT, PATH = sys.argv[1:3]
PACE_S = 0.05


def die_at(moment: str, where: str) -> None:
    if moment == MOMENT and PATH in where:
        os.kill(os.getpid(), signal.SIGKILL)


class MortalFetcher(Fetcher):
    """Dies when the server has answered and nothing is written."""

    def __init__(self) -> None:
        super().__init__(
            allowed=lambda address: address.is_loopback, resolve=lambda host, port: ["127.0.0.1"], least_s=PACE_S
        )

    def get(self, url: str, want: Want, *, until: float) -> Reply:
        reply = super().get(url, want, until=until)
        die_at("asking", url)
        return reply


class MortalEmbedder(WordEmbedder):
    def passages(self, texts: Sequence[str]) -> Vectors:
        die_at("embedding", "".join(texts))
        return super().passages(texts)


note = pages.note


def mortal_note(page: CrawledPage, *args: Any, **values: Any) -> None:
    """Dies when the document is stored and the page does not know it."""
    die_at("noting", page.url)
    note(page, *args, **values)


if __name__ == "__main__":
    embeddings.LIBRARIES["words"] = lambda _model: MortalEmbedder()
    with patch.object(pages, "note", mortal_note), patch.object(visiting, "Fetcher", MortalFetcher):
        call_command("crawl", "--json")
