"""Noticing that a caller has gone while nothing is being sent to it."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from typing import Final

from django.http import HttpRequest

_GONE: Final = select.POLLHUP | select.POLLERR | select.POLLNVAL


def hangup_of(request: HttpRequest) -> Callable[[], bool]:
    """A question to be asked now and then: has the client closed the connection? gunicorn lends its socket."""
    connection = request.META.get("gunicorn.socket")
    if not isinstance(connection, socket.socket):
        return lambda: False
    return lambda: has_hung_up(connection)


def has_hung_up(connection: socket.socket) -> bool:
    """Whether the other end closed `connection`; looks, and takes nothing that is waiting to be read."""
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    ready = poll.poll(0)
    if not ready:
        return False
    if ready[0][1] & _GONE:
        return True
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
