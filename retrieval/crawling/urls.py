"""Addresses: one spelling for each page, and what belongs to a site. Pure; resolves no name and opens no socket."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx

from retrieval.crawling.reasons import FetchFailed, Reason

LONGEST = 2000  # characters; PostgreSQL indexes no more than 2,700 bytes
DEFAULT_PORTS = {"http": 80, "https": 443}
ESCAPE = re.compile(r"%([0-9a-fA-F]{2})")
UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")
# Only what is known to track: wider lists also take `cid` or `session`, by which many sites name their pages.
TRACKING = re.compile(
    r"((utm|mtm|pk)_\w+|(fbcl|gcl|dcl|ycl|twcl|msclk)id|mc_[ce]id|igshid|_ga|_gl)(=|$)", re.IGNORECASE
)


def canonical(address: str, base: str = "") -> str:
    """The one spelling of an address, relative to `base`: lower-case ASCII host, no default port, no fragment, no
    tracking, escapes alike. Raises `FetchFailed` for what is no web address or names a user."""
    text = address.strip()
    if "\\" in text or len(text) > LONGEST:
        raise FetchFailed(Reason.BAD_ADDRESS, text[:200])
    try:
        url = httpx.URL(urljoin(base, text))
        host = url.raw_host.decode("ascii").lower().rstrip(".")
    except (httpx.InvalidURL, ValueError) as exc:
        raise FetchFailed(Reason.BAD_ADDRESS, f"{text[:200]}: {exc}") from exc
    if url.userinfo:
        raise FetchFailed(Reason.CREDENTIALS, host)
    port = None if url.port == DEFAULT_PORTS.get(url.scheme) else url.port
    if url.scheme not in DEFAULT_PORTS or not host or "%" in host or (port is not None and not 0 < port < 65536):
        raise FetchFailed(Reason.BAD_ADDRESS, text[:200])
    path, _mark, query = url.raw_path.decode("ascii").partition("?")
    kept = "&".join(part for part in query.split("&") if part and not TRACKING.match(part))
    authority = (f"[{host}]" if ":" in host else host) + (f":{port}" if port else "")
    spelt = f"{url.scheme}://{authority}{_escaped(path) or '/'}" + (f"?{_escaped(kept)}" if kept else "")
    if len(spelt) > LONGEST:
        raise FetchFailed(Reason.BAD_ADDRESS, spelt[:200])
    return spelt


def origin_of(url: str) -> str:
    """Scheme, host and port of a canonical address: what a robots.txt holds for."""
    return url[: url.index("/", url.index("//") + 2)]


def path_of(url: str) -> str:
    """The path of a canonical address, without its query."""
    return url[len(origin_of(url)) :].partition("?")[0]


def host_of(url: str) -> str:
    """Host, and the port where it is not the usual one."""
    return origin_of(url).partition("//")[2]


def site_of(url: str) -> str:
    """What an address and its twin with `www.` share: host and port."""
    return host_of(url).removeprefix("www.")


@dataclass(frozen=True, slots=True)
class Scope:
    """What belongs to a site: its host with and without `www.` and no other port; with `include` only the paths
    below those, and never those below `exclude`. `address` is canonical and always belongs to it."""

    address: str
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_depth: int = 4

    def refusal(self, url: str, depth: int = 0) -> Reason | None:
        """Why a canonical address is not to be fetched, None where it may be. `depth` is links away from the start."""
        if site_of(url) != site_of(self.address):
            return Reason.OFF_SITE
        if any(self._is_below(url, prefix) for prefix in self.exclude):
            return Reason.EXCLUDED
        if self.include and url != self.address and not any(self._is_below(url, prefix) for prefix in self.include):
            return Reason.EXCLUDED
        return Reason.TOO_DEEP if depth > self.max_depth else None

    def _is_below(self, url: str, prefix: str) -> bool:
        """By whole segments: `/rh` holds `/rh` and `/rh/ferias`, and not `/rhodes`."""
        above = path_of(canonical("/" + prefix.lstrip("/"), self.address)).rstrip("/")
        return f"{path_of(url)}/".startswith(f"{above}/")


def _escaped(text: str) -> str:
    def spelling(match: re.Match[str]) -> str:
        char = chr(int(match[1], 16))
        return char if UNRESERVED.fullmatch(char) else match[0].upper()

    return ESCAPE.sub(spelling, text)
