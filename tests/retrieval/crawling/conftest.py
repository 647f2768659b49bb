from __future__ import annotations

from collections.abc import Iterator

import pytest

from retrieval.crawling.fetching import Fetcher
from tests.retrieval.crawling.website import Website, running_website


@pytest.fixture
def website() -> Iterator[Website]:
    with running_website() as site:
        yield site


@pytest.fixture
def fetcher() -> Fetcher:
    """One that may ask this machine, and need not wait for its turn."""
    return Fetcher(allowed=lambda address: address.is_loopback, resolve=lambda host, port: ["127.0.0.1"], least_s=0)
