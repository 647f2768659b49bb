"""What a site's robots.txt allows (RFC 9309). Pure: the file was fetched elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from protego import Protego

from retrieval.crawling.reasons import Reason

AGENT = "AIONbot"
LARGEST = 500 * 2**10  # bytes; RFC 9309 asks for no less


@dataclass(frozen=True, slots=True)
class Robots:
    """Without `rules` everything is allowed; `is_known` is False where the site could not say, then nothing is."""

    rules: Protego | None = None
    is_known: bool = True

    def refusal(self, url: str) -> Reason | None:
        if not self.is_known:
            return Reason.ROBOTS_UNREACHABLE
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
    return Robots(is_known=400 <= status < 500 and status != 429)
