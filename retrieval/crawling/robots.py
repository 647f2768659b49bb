"""What a site's robots.txt allows (RFC 9309). Pure: the file was fetched elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from protego import Protego

from retrieval.crawling.reasons import Reason

AGENT = "AIONbot"
LARGEST = 500 * 2**10  # bytes; RFC 9309 asks for no less


@dataclass(frozen=True, slots=True)
class Robots:
    """Without `rules` everything is allowed; with a `failure` the site could not say, and nothing is."""

    rules: Protego | None = None
    failure: Reason | None = None

    def refusal(self, url: str) -> Reason | None:
        if self.failure is not None:
            return self.failure
        return None if self.rules is None or self.rules.can_fetch(url, AGENT) else Reason.ROBOTS

    @property
    def every_s(self) -> float:
        """Seconds between two requests that the site asks for, 0 where it asks for none."""
        if self.rules is None:
            return 0.0
        rate = self.rules.request_rate(AGENT)
        asked = self.rules.crawl_delay(AGENT) or 0.0
        return max(asked, rate.seconds / rate.requests if rate and rate.requests else 0.0)

    @property
    def sitemaps(self) -> tuple[str, ...]:
        return tuple(self.rules.sitemaps) if self.rules is not None else ()


def read_robots(status: int, body: bytes) -> Robots:
    """A file is obeyed, none (4xx) allows everything; an error of the server (5xx, or too many requests) nothing."""
    if 200 <= status < 300:
        return Robots(Protego.parse(body.decode("utf-8-sig", "replace")))
    is_absent = 400 <= status < 500 and status != 429
    return Robots(failure=None if is_absent else Reason.ROBOTS_UNREACHABLE)
