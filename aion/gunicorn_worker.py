"""gunicorn's threads, kept from waiting for clients: who writes or reads slowly costs a socket, not a thread.

The loop that accepts connections also gathers their requests; a thread gets one that is all there. Only a body too
large to gather is read by its thread, which `BodyLimit` allows to staff alone. The floor for a client is `PATIENCE_S`
in all, and longer only at `LEAST_BYTES_S`: 32 kbit/s. Answers are sent under the same floor, and the time that AION
itself takes between two pieces of a stream does not count. Where too many wait, or hold too much, the address that
costs most loses its oldest connection.
"""

from __future__ import annotations

import errno
import math
import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from gunicorn import http
from gunicorn.http.unreader import Unreader
from gunicorn.workers.gthread import TConn, ThreadWorker

from aion.arrival import Arrival, Progress

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PATIENCE_S: Final = 20.0
LEAST_BYTES_S: Final = 4096
LINGER_S: Final = 2.0  # for a client to read the last answer before its connection is closed
MOST_WAITING: Final = 400  # connections; a process often may have 1024 files open
MOST_HELD_BYTES: Final = 64 << 20

_CALLER_BYTES: Final = 64 << 10  # what an idle connection counts for beside one that holds bytes
_READ_BYTES: Final = 64 << 10
_PIECE_BYTES: Final = 16 << 10
_SWEEP_S: Final = 0.5

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class PacedSocket(socket.socket):
    """A connection for which a thread waits `PATIENCE_S`; what moves meanwhile gives back time at `LEAST_BYTES_S`."""

    def __init__(self, accepted: socket.socket) -> None:
        super().__init__(fileno=accepted.detach())
        self._left_s = PATIENCE_S

    def sendall(self, data: ReadableBuffer, flags: int = 0, /) -> None:
        view = memoryview(data)
        for first in range(0, len(view), _PIECE_BYTES):
            piece = view[first : first + _PIECE_BYTES]
            with self._waiting(len(piece)):
                super().sendall(piece, flags)

    def receive(self, most_bytes: int) -> bytes:
        """Like `recv`; raises `BrokenPipeError` when the client has been too slow."""
        with self._waiting(0):
            data = self.recv(most_bytes)
        self._earn(len(data))
        return data

    @contextmanager
    def _waiting(self, size: int) -> Iterator[None]:
        """Wait for `size` bytes to move, under a deadline for all of them (Python's timeout of `sendall` is one)."""
        before, began = self.gettimeout(), time.monotonic()
        if before is None:
            self.settimeout(max(0.0, self._left_s + size / LEAST_BYTES_S))
        try:
            yield
        except (TimeoutError, BlockingIOError) as exc:
            raise BrokenPipeError(errno.EPIPE, "the client is too slow") from exc
        finally:
            self.settimeout(before)
            self._left_s -= time.monotonic() - began
        self._earn(size)

    def _earn(self, size: int) -> None:
        self._left_s = min(PATIENCE_S, self._left_s + size / LEAST_BYTES_S)


class Gathered(Unreader):  # type: ignore[misc]  # gunicorn has no types
    """What gunicorn's parser reads: the gathered bytes, then the `rest` of a large body from its connection."""

    def __init__(self, data: bytes, rest: PacedSocket | None) -> None:
        super().__init__()
        self.rest = rest
        self.unread(data)

    def chunk(self, size_hint: int | None = None) -> bytes:
        return self.rest.receive(max(size_hint or 0, _READ_BYTES)) if self.rest else b""


class Caller(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection, with the request that is arriving on it; None when it only lingers for its last answer."""

    arrival: Arrival | None = None
    began = 0.0
    idle_until = 0.0

    @property
    def until(self) -> float:
        """When it is given up, as things are."""
        if self.arrival is None or not self.arrival.data:
            return self.idle_until
        return self.began + PATIENCE_S + self.arrival.body_bytes / LEAST_BYTES_S

    @property
    def held_bytes(self) -> int:
        return len(self.arrival.data) if self.arrival else 0


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._waiting: set[Caller] = set()
        self._held_bytes = 0
        self._swept = 0.0
        self._stop_at = math.inf

    # --- from the first byte to a thread

    def accept(self, listener: socket.socket) -> None:
        try:
            accepted, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        self.nr_conns += 1
        caller = Caller(self.cfg, PacedSocket(accepted), address, listener.getsockname())
        self._await_request(caller, PATIENCE_S)
        self._make_room()

    def _await_request(self, caller: Caller, idle_s: float, begun: bytes = b"") -> None:
        caller.arrival = Arrival(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        self._watch(caller, idle_s)
        if begun:
            self._take(caller, caller.arrival, begun)

    def _readable(self, caller: Caller, _socket: object) -> None:
        try:
            data = caller.sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._drop(caller)
        elif caller.arrival is not None:
            self._take(caller, caller.arrival, data)

    def _take(self, caller: Caller, arrival: Arrival, data: bytes) -> None:
        if not arrival.data:
            caller.began = time.monotonic()
        held = len(arrival.data)
        progress = arrival.add(data)
        self._held_bytes += len(arrival.data) - held
        if progress is not Progress.COMING:
            self._hand_over(caller, bytes(arrival.data), large=progress is Progress.LARGE)
            return
        if arrival.waits_for_leave:
            arrival.waits_for_leave = False
            with suppress(OSError):
                caller.sock.send(_CONTINUE)
        self._make_room()

    def _hand_over(self, caller: Caller, data: bytes, *, large: bool) -> None:
        self._unwatch(caller)
        caller.sock.setblocking(True)
        caller.parser = http.get_parser(self.cfg, caller.sock, caller.client)
        caller.parser.unreader = Gathered(data, caller.sock if large else None)
        caller.initialized = True
        self.enqueue_req(caller)

    # --- in a thread

    def handle_request(self, req: Any, conn: Caller) -> Any:
        if conn.parser.unreader.rest is None:
            req._expected_100_continue = False  # its body is here
        return super().handle_request(req, conn)

    def _keepalive_after(self, conn: Caller, keepalive: bool) -> bool:
        """What is left of a large body, one that was refused for instance, is not waited for."""
        return conn.parser.unreader.rest is None and bool(super()._keepalive_after(conn, keepalive))

    # --- and after it

    def finish_request(self, conn: Caller, fs: Future[Any]) -> None:
        if not fs.cancelled() and not fs.exception() and fs.result():
            conn.sock.setblocking(False)
            self._await_request(conn, self.cfg.keepalive, conn.parser.unreader.take_buffered())
        else:
            self._linger(conn)

    def _linger(self, caller: Caller) -> None:
        """Say that nothing more comes, and wait for the client to close: else what it has not read yet may be lost."""
        caller.arrival = None
        try:
            caller.sock.setblocking(False)
            caller.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(caller)
        else:
            self._watch(caller, LINGER_S)

    # --- those that nobody attends to

    def _watch(self, caller: Caller, idle_s: float) -> None:
        caller.began = time.monotonic()
        caller.idle_until = caller.began + idle_s
        self.poller.register(caller.sock, selectors.EVENT_READ, partial(self._readable, caller))
        self._waiting.add(caller)

    def _unwatch(self, caller: Caller) -> None:
        if caller in self._waiting:
            self._waiting.remove(caller)
            self._held_bytes -= caller.held_bytes
            self.poller.unregister(caller.sock)

    def _drop(self, caller: Caller) -> None:
        self._unwatch(caller)
        self.nr_conns -= 1
        caller.close()

    def murder_pending(self) -> None:
        """gunicorn's name for closing those whose time is over; its loop calls this at every turn."""
        now = time.monotonic()
        if now < self._swept + _SWEEP_S:
            return
        self._swept = now
        for caller in [caller for caller in self._waiting if now > min(caller.until, self._stop_at)]:
            if caller.held_bytes:
                with suppress(OSError):
                    caller.sock.send(_TOO_SLOW)
                self._unwatch(caller)
                self._linger(caller)
            else:
                self._drop(caller)

    def _cap_keepalive(self, deadline: float) -> None:
        """gunicorn is stopping: by then nobody is waited for any more."""
        self._stop_at = deadline

    def _make_room(self) -> None:
        while len(self._waiting) > MOST_WAITING or self._held_bytes > MOST_HELD_BYTES:
            cost: Counter[str] = Counter()
            for caller in self._waiting:
                cost[caller.client[0]] += _CALLER_BYTES + caller.held_bytes
            costliest = max(cost, key=cost.__getitem__)
            theirs = [caller for caller in self._waiting if caller.client[0] == costliest]
            self._drop(min(theirs, key=lambda caller: caller.began))
