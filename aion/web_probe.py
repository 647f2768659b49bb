"""Asks a running AION over HTTP whether it is ready, as any monitor would."""

from __future__ import annotations

import http.client
from http import HTTPStatus

_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  (what is listened on, not by us)


def is_ready(host: str, port: int) -> bool:
    """Whether `/ready` answers 200."""
    connection = http.client.HTTPConnection(_ANY_ADDRESS.get(host, host), port, timeout=3)
    try:
        connection.request("GET", "/ready")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def local_address(host: str, port: int) -> str:
    """The address under which a browser on this machine finds AION."""
    name = _ANY_ADDRESS.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
