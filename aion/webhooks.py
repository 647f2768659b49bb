"""How a webhook is posted: to public addresses over TLS, and to the networks that the environment allows; one request,
no redirect, no proxy, no cookie, ten seconds in all."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from functools import cache

import httpcore
import httpx
from django.conf import settings

from retrieval.crawling.network import Address, CheckedBackend, is_public
from retrieval.crawling.reasons import FetchFailed
from telemetry.exceptions import NotDelivered

WHOLE_S = 10.0
USER_AGENT = "AION/0.1"


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status of the answer, whose body is not read. Raises `NotDelivered`."""
    try:
        address = httpx.URL(url)
        secure = address.scheme == "https"
        host = address.netloc.decode("ascii")
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise NotDelivered(NotDelivered.UNREACHABLE, str(exc)) from exc
    backend = CheckedBackend(time.monotonic() + WHOLE_S, allowed=lambda one: may_reach(one, secure=secure))
    sent = {"Host": host, "User-Agent": USER_AGENT, "Connection": "close", **headers}
    try:
        with (
            httpcore.ConnectionPool(ssl_context=_context(), network_backend=backend) as pool,
            pool.stream("POST", str(address), headers=list(sent.items()), content=body) as response,
        ):
            return response.status
    except FetchFailed as exc:
        raise NotDelivered(NotDelivered.NOT_ALLOWED, str(exc)) from exc
    except httpcore.TimeoutException as exc:
        raise NotDelivered(NotDelivered.SLOW) from exc
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, ssl.SSLError) as exc:
        raise NotDelivered(NotDelivered.UNREACHABLE, str(exc)) from exc


def may_reach(address: Address, *, secure: bool) -> bool:
    """Public ones only over TLS; what the environment names, also without."""
    if any(address in network for network in settings.AION_WEBHOOK_NETWORKS):
        return True
    return secure and is_public(address)


@cache
def _context() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)
