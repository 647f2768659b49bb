"""Connections to public addresses only: a name is resolved once, every address it has is checked, and the socket is
opened to one that was checked. Nothing between check and connection asks the name again."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from threading import Thread

import httpcore

from retrieval.crawling.reasons import FetchFailed, Reason

Address = IPv4Address | IPv6Address
UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
NOT_UNICAST = (IPv6Network("3fff::/20"), IPv6Network("2002::/16"), IPv6Network("2001::/32"))  # examples, 6to4, Teredo
RELAY = IPv4Address("192.88.99.0")
LOOKUP_S = 10.0


def is_public(address: Address) -> bool:
    """Whether an address is a host of the public Internet. What carries another address inside (mapped, NAT64) is
    judged by that one; tunnels (6to4, Teredo), whose end nobody can know, are not public."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        return address in UNICAST and address.is_global and not any(address in network for network in NOT_UNICAST)
    is_relay = int(address) >> 8 == int(RELAY) >> 8
    return address.is_global and not (address.is_multicast or address.is_reserved or is_relay)


def resolve(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, as the system knows them. Raises `OSError`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def resolve_within(seconds: float, resolve: Callable[[str, int], Sequence[str]], host: str, port: int) -> Sequence[str]:
    """As `resolve`. Raises `TimeoutError` too: the system's own lookup knows no limit and cannot be stopped, so the
    thread that waits for it is left behind."""
    answer: Future[Sequence[str]] = Future()

    def look_up() -> None:
        try:
            answer.set_result(resolve(host, port))
        except Exception as exc:  # noqa: BLE001  # handed to whoever waits
            answer.set_exception(exc)

    Thread(target=look_up, name=f"lookup-{host}"[:60], daemon=True).start()
    return answer.result(seconds)


class CheckedBackend(httpcore.NetworkBackend):
    """Opens TCP connections to addresses that `allowed` lets pass, until the clock (`time.monotonic`) says `until`.

    TLS still names and verifies the host: httpcore takes that name from the URL, not from the socket.
    """

    def __init__(
        self,
        until: float,
        *,
        allowed: Callable[[Address], bool] = is_public,
        resolve: Callable[[str, int], Sequence[str]] = resolve,
    ) -> None:
        self._until = until
        self._allowed = allowed
        self._resolve = resolve
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in self._checked(host, port):
            try:
                limit = min(timeout or _left(self._until), _left(self._until))
                stream = self._sockets.connect_tcp(str(address), port, limit, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                failure = exc
                continue
            return TimedStream(stream, self._until)
        raise failure

    def _checked(self, host: str, port: int) -> Sequence[Address]:
        """All of them or none: a name that also leads inside is not to be trusted."""
        try:
            limit = min(LOOKUP_S, _left(self._until))
            addresses = [ip_address(found) for found in resolve_within(limit, self._resolve, host, port)]
        except TimeoutError as exc:
            raise httpcore.ConnectTimeout(f"no name server answered for {host}") from exc
        except (OSError, UnicodeError, ValueError) as exc:
            raise httpcore.ConnectError(str(exc)) from exc
        for address in addresses:
            if not self._allowed(address):
                raise FetchFailed(Reason.NOT_PUBLIC, f"{host}: {address}")
        return addresses


class TimedStream(httpcore.NetworkStream):
    """A connection that ends at a time of the clock, however slowly the other side drips."""

    def __init__(self, stream: httpcore.NetworkStream, until: float) -> None:
        self._stream = stream
        self._until = until

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, min(timeout or _left(self._until), _left(self._until)))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, min(timeout or _left(self._until), _left(self._until)))

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        limit = min(timeout or _left(self._until), _left(self._until))
        return TimedStream(self._stream.start_tls(ssl_context, server_hostname, limit), self._until)

    def close(self) -> None:
        self._stream.close()

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _left(until: float) -> float:
    left = until - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the time for this fetch is over")
    return left
