"""On whose behalf this thread acts, and from where. Knows no rows; the middleware and `manage.py` say it."""

from __future__ import annotations

import getpass
import ipaddress
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest, HttpResponse

AIONS_OWN: Final = {"", "up", "prepare", "migrate", "collectstatic", "test", "help", "check", "makemigrations"}
PANEL = "/admin/"


@dataclass(frozen=True, slots=True)
class Acting:
    """`source` is a value of `AuditEntry.Source`; `request` is asked late, since a call's key is only read in its
    view; `name` and `number` are the account's where the request has none."""

    source: str
    request: HttpRequest | None = None
    name: str = ""
    number: int | None = None

    @property
    def user_id(self) -> int | None:
        user = getattr(self.request, "user", None)
        if user is None or not user.is_authenticated or not isinstance(user.pk, int):
            return self.number
        return user.pk

    @property
    def login(self) -> str:
        name_of = getattr(getattr(self.request, "user", None), "get_username", None)  # programs of ours have none
        return (str(name_of()) if name_of is not None else "") or self.name

    @property
    def address(self) -> str:
        return masked_address(str(self.request.META.get("REMOTE_ADDR", ""))) if self.request is not None else ""

    @property
    def reason(self) -> str:
        """What the form of this request gives as its reason, if it asks for one."""
        if self.request is None or self.request.method != "POST" or self.source != "panel":
            return ""
        return str(self.request.POST.get("reason", "")).strip()


SYSTEM: Final = Acting("system")
_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)
_command: list[Acting] = []  # of this whole process: threads begin without the context of their maker


def acting() -> Acting:
    """Who acts here and now; AION itself where nobody said."""
    return _acting.get() or (_command[0] if _command else SYSTEM)


def from_command_line(arguments: list[str]) -> None:
    """This process does what somebody with a shell told it; its own starts and housekeeping are AION's."""
    command = arguments[1] if len(arguments) > 1 else ""
    if command in AIONS_OWN:
        return
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as containers have
        name = ""
    _command[:] = [Acting("command", name=name)]


class ActingMiddleware:
    """Tells the rest of a request on whose behalf it is done. After authentication."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._next = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        source = "panel" if request.path_info.startswith(PANEL) else "api"
        token = _acting.set(Acting(source, request))
        try:
            return self._next(request)
        finally:
            _acting.reset(token)


def masked_address(address: str) -> str:
    """An address as far as it tells a network from another: `203.0.113.x`, `2001:db8:7::x`; this machine's whole."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # a socket has none
        return ""
    if ip.is_loopback:
        return str(ip)
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip).rpartition(".")[0] + ".x"
    return f"{ipaddress.ip_network((ip, 48), strict=False).network_address}x"
