"""One GET at a time: checked addresses, every redirect judged anew, bounded in bytes and time. It keeps no cookie, no
credential and no connection, and asks no proxy."""

from __future__ import annotations

import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import httpcore
import httpx

from retrieval.crawling import network, pace
from retrieval.crawling.network import Address, CheckedBackend
from retrieval.crawling.reasons import FetchFailed, Reason
from retrieval.crawling.robots import AGENT
from retrieval.crawling.urls import canonical, site_of

USER_AGENT = f"{AGENT}/0.1 (assistente da propria organizacao)"
MOST_REDIRECTS = 5
REDIRECTS = (301, 302, 303, 307, 308)
FETCH_S = 60.0
SILENCE_S = 20.0
LONGEST_PAUSE_S = 3600.0
PIECE_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Reply:
    """What the last server said; `url` is canonical and where it said so. The body is read of a 200 only."""

    url: str
    status: int
    headers: httpx.Headers
    body: bytes = b""

    @property
    def media_type(self) -> str:
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        return httpx.Response(200, headers=self.headers).charset_encoding or ""


@dataclass(frozen=True, slots=True)
class Want:
    """What is asked for: `types` empty takes any; `may_fetch` says why an address (this and each redirect's) may not;
    `every_s` is the pace that the site asks for; `headers` are for the first address alone."""

    may_fetch: Callable[[str], Reason | None]
    largest_bytes: int
    types: Sequence[str] = ()
    every_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)


class Fetcher:
    """`allowed` and `resolve` are the network's; tests give their own, so that a server of this machine can be asked,
    and `least_s`, the shortest pace of all."""

    def __init__(
        self,
        *,
        allowed: Callable[[Address], bool] = network.is_public,
        resolve: Callable[[str, int], Sequence[str]] = network.resolve,
        fetch_s: float = FETCH_S,
        least_s: float = pace.SECONDS_BETWEEN,
    ) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._fetch_s = fetch_s
        self._least_s = least_s
        self._tls: ssl.SSLContext | None = None

    def get(self, url: str, want: Want, *, until: float) -> Reply:
        """Fetch a canonical address, in the host's turn, following redirects.

        Raises `FetchFailed`, and `NoTurn` where the host's next turn is after `until` (`time.monotonic`).
        """
        every_s = max(self._least_s, want.every_s)
        for hop in range(MOST_REDIRECTS + 1):
            if reason := want.may_fetch(url):
                raise FetchFailed(reason, url)
            pace.wait_for_turn(site_of(url), every_s=every_s, until=until)
            reply = self._ask(url, want, {} if hop else want.headers)
            if reply.status in (429, 503):
                pace.postpone(site_of(url), _pause_s(reply.headers, every_s))
            if reply.status not in REDIRECTS or "location" not in reply.headers:
                return reply
            url = canonical(reply.headers["location"], url)
        raise FetchFailed(Reason.REDIRECTS, url)

    def _ask(self, url: str, want: Want, conditions: Mapping[str, str]) -> Reply:
        until = time.monotonic() + self._fetch_s
        backend = CheckedBackend(until, allowed=self._allowed, resolve=self._resolve)
        headers = {
            "Host": httpx.URL(url).netloc.decode("ascii"),
            "User-Agent": USER_AGENT,
            "Accept": ", ".join((*want.types, "*/*;q=0.1")),
            "Accept-Language": "pt-BR, pt;q=0.9, *;q=0.5",
            "Accept-Encoding": "gzip",
            "Connection": "close",
            **conditions,
        }
        times = dict.fromkeys(("connect", "read", "write", "pool"), SILENCE_S)
        try:
            with (
                httpcore.ConnectionPool(ssl_context=self._context(), network_backend=backend) as pool,
                pool.stream("GET", url, headers=list(headers.items()), extensions={"timeout": times}) as response,
            ):
                reply = Reply(url, response.status, httpx.Headers(response.headers))
                if reply.status != 200:
                    return reply
                return Reply(url, 200, reply.headers, _body(reply, response.iter_stream(), want))
        except httpcore.TimeoutException as exc:
            raise FetchFailed(Reason.TOO_SLOW, str(exc)) from exc
        except (httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError) as exc:
            raise FetchFailed(Reason.UNREACHABLE, str(exc)) from exc

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = httpx.create_ssl_context(trust_env=False)
        return self._tls


def _body(reply: Reply, pieces: Iterable[bytes], want: Want) -> bytes:
    """Unpacked as it arrives, so that neither an endless body nor one that unpacks without end is ever held."""
    if want.types and reply.media_type not in want.types:
        raise FetchFailed(Reason.TYPE, reply.media_type)
    body = bytearray()
    for piece in _unpacked(reply.headers.get("content-encoding", "identity").strip().lower(), pieces):
        body += piece
        if len(body) > want.largest_bytes:
            raise FetchFailed(Reason.TOO_LARGE, f"more than {want.largest_bytes} bytes")
    return bytes(body)


def _unpacked(encoding: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
    if encoding == "identity":
        yield from pieces
        return
    if encoding not in ("gzip", "x-gzip"):
        raise FetchFailed(Reason.UNREADABLE, f"content-encoding {encoding}")
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        for piece in pieces:
            while piece and not stream.eof:
                yield stream.decompress(piece, PIECE_BYTES)
                piece = stream.unconsumed_tail
    except zlib.error as exc:
        raise FetchFailed(Reason.UNREADABLE, str(exc)) from exc
    if not stream.eof:
        raise FetchFailed(Reason.UNREADABLE, "the gzipped body is torn")


def _pause_s(headers: httpx.Headers, every_s: float) -> float:
    """Seconds of a Retry-After; ten turns where it names a date or nothing."""
    asked = headers.get("retry-after", "")
    return min(float(asked), LONGEST_PAUSE_S) if asked.isdecimal() else 10 * every_s
