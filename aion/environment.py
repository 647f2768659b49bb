"""Reads AION's variables from the environment. What is wrong is collected, not raised, so that it is all named at once.

`aion.checks` turns the problems into errors of `manage.py check`, which every start passes through.
"""

from __future__ import annotations

import json
import os
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ

from aion.exceptions import translatable as _

_TRUE = frozenset({"1", "true", "yes", "on", "sim"})
_FALSE = frozenset({"0", "false", "no", "off", "não", "nao"})
_MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
_PROVIDER = re.compile(r"[a-z0-9][a-z0-9_-]*")


@dataclass(frozen=True)
class Problem:
    """A variable whose value can't be used: an untranslated sentence about what it should be, and its values."""

    variable: str
    expected: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class Mail:
    """Django's settings of an e-mail server, and who sends where nobody else is named."""

    settings: Mapping[str, Any]
    sender: str = "aion@localhost"


class Environment:
    """The variables of `source`, typed. An empty value counts as none; a wrong one as its default and a problem."""

    def __init__(self, source: Mapping[str, str] = os.environ) -> None:
        self._source = source
        self.names: set[str] = set()
        self.problems: list[Problem] = []

    def text(self, name: str, default: str = "") -> str:
        """Anything."""
        self.names.add(name)
        return self._source.get(name, "").strip() or default

    def secret(self, name: str, default: Callable[[], str]) -> str:
        """Anything; its default is only made when it is needed."""
        return self.text(name) or default()

    def integer(self, name: str, default: int, *, minimum: int, maximum: int) -> int:
        """A whole number within limits."""
        try:
            value = int(self.text(name, str(default)))
            if minimum <= value <= maximum:
                return value
        except ValueError:
            pass
        self._complain(name, _("a whole number from %(minimum)s to %(maximum)s"), minimum=minimum, maximum=maximum)
        return default

    def number(self, name: str, default: float, *, minimum: float, maximum: float) -> float:
        """A number within limits, with a decimal point."""
        try:
            value = float(self.text(name, str(default)))
            if minimum <= value <= maximum:
                return value
        except ValueError:
            pass
        self._complain(name, _("a number from %(minimum)s to %(maximum)s"), minimum=minimum, maximum=maximum)
        return default

    def flag(self, name: str, default: bool) -> bool:
        """Yes or no."""
        chosen = self.choice(name)
        return default if chosen is None else chosen

    def choice(self, name: str) -> bool | None:
        """Yes, no, or left to AION."""
        word = self.text(name).lower()
        if word and word not in _TRUE | _FALSE:
            self._complain(name, _("true or false"))
        return word in _TRUE if word in _TRUE | _FALSE else None

    def one_of(self, name: str, words: tuple[str, ...]) -> str:
        """One of these words; the first is the default."""
        word = self.text(name, words[0]).lower()
        if word in words:
            return word
        self._complain(name, _("one of these: %(words)s"), words=", ".join(words))
        return words[0]

    def words(self, name: str, default: list[str]) -> list[str]:
        """Names separated by commas."""
        return [word.strip() for word in self.text(name).split(",") if word.strip()] or default

    def origins(self, name: str) -> list[str]:
        """Origins of web pages, such as https://www.example.org, separated by commas."""
        origins = self.words(name, [])
        if all(_is_origin(origin) for origin in origins):
            return origins
        self._complain(name, _("origins such as https://www.example.org, separated by commas, without a path"))
        return []

    def url(self, name: str, default: str = "", *, schemes: tuple[str, ...]) -> str:
        """An address with one of these schemes."""
        value = self.text(name, default)
        if not value or urlsplit(value).scheme in schemes:
            return value
        self._complain(
            name, _("an address that begins with %(schemes)s"), schemes=", ".join(f"{s}://" for s in schemes)
        )
        return default

    def providers(self, name: str) -> dict[str, dict[str, str]]:
        """Addresses and keys by a short name, as JSON. What is wrong is told without the value: it holds keys."""
        try:
            found = json.loads(self.text(name, "{}"))
        except ValueError:
            found = None
        if isinstance(found, dict) and all(_is_provider(*item) for item in found.items()):
            return found
        self._complain(
            name,
            _(
                'JSON on one line such as {"other": {"base_url": "https://api.example.org/v1", "api_key": "..."}}, '
                "the names in lower case"
            ),
        )
        return {}

    def email(self, name: str) -> Mail:
        """An e-mail server; EMAIL_HOST is "" without one. What is wrong is told without the value:
        it holds a password."""
        url = self.text(name)
        if not url:
            return Mail({"EMAIL_HOST": ""})
        try:
            parts = urlsplit(url)
            if parts.scheme in _MAIL_PORTS and parts.hostname:
                found: dict[str, Any] = environ.Env.email_url_config(url)
                found = {name: value for name, value in found.items() if value is not None}
                found["EMAIL_PORT"] = parts.port or _MAIL_PORTS[parts.scheme]
                user = found.get("EMAIL_HOST_USER", "")
                return Mail(found, sender=user if "@" in user else f"aion@{parts.hostname}")
        except ValueError:
            pass
        self._complain(
            name,
            _(
                "an address such as smtp+tls://user:password@mail.example.org:587, with smtp+ssl:// for port 465 and "
                "special characters of the password percent-encoded"
            ),
        )
        return Mail({"EMAIL_HOST": ""})

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        """Networks such as 10.0.0.0/8, separated by commas."""
        try:
            return [ip_network(word) for word in self.words(name, [])]
        except ValueError:
            self._complain(name, _("networks such as 192.168.10.0/24, separated by commas"))
            return []

    def time_zone(self, name: str, default: str) -> str:
        """A name of the IANA time zone database."""
        value = self.text(name, default)
        if value in zoneinfo.available_timezones():
            return value
        self._complain(name, _("a time zone such as America/Sao_Paulo"))
        return default

    def folders(self, name: str, default: list[Path]) -> list[Path]:
        """Absolute paths separated by commas; one that is not there is no error: its disk may come later."""
        paths = [Path(word) for word in self.words(name, [])]
        if all(path.is_absolute() for path in paths):
            return paths or default
        self._complain(name, _("absolute paths of folders, separated by commas"))
        return default

    def writable_path(self, name: str, default: Path) -> Path:
        """A file or folder that AION may write, whether or not it is there yet."""
        path = Path(self.text(name, str(default))).absolute()
        nearest = next(folder for folder in [path, *path.parents] if folder.exists())
        may_be_made = nearest == path or nearest.is_dir()
        if not may_be_made or not os.access(nearest, os.W_OK):
            self._complain(name, _("a path that AION may write; %(nearest)s is in its way"), nearest=nearest)
        return path

    def _complain(self, name: str, expected: str, **values: object) -> None:
        self.problems.append(Problem(name, expected, values))


def _is_provider(name: str, given: object) -> bool:
    """`base_url`, and `api_key` where the server wants one."""
    if not (_PROVIDER.fullmatch(name) and isinstance(given, dict)):
        return False
    if not {"base_url"} <= set(given) <= {"base_url", "api_key"} or not all(isinstance(v, str) for v in given.values()):
        return False
    parts = urlsplit(given["base_url"])
    return parts.scheme in {"http", "https"} and bool(parts.hostname)


def _is_origin(text: str) -> bool:
    parts = urlsplit(text)
    return (
        parts.scheme in {"http", "https"} and bool(parts.netloc) and not (parts.path or parts.query or parts.fragment)
    )
