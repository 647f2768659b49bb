"""Who is calling: a program with an API key, AION's own commands over loopback, or (by DRF) a signed-in person."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from chat.models import ApiKey

KEY_MARK: Final = "aion_"
PREFIX_LENGTH: Final = 13
LAST_USE_PRECISION: Final = timedelta(minutes=1)
_PROXY_HEADERS: Final = ("HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP")


@dataclass(frozen=True, slots=True)
class Credential:
    """What a request that came with a bearer token may do (`request.auth`)."""

    key_id: int | None = None
    scopes: frozenset[str] = frozenset()
    is_service: bool = False

    def allows(self, scope: str) -> bool:
        return self.is_service or scope in self.scopes


class ServiceUser(AnonymousUser):
    """AION's own commands, calling the web process over loopback."""

    @property
    def is_authenticated(self) -> bool:  # type: ignore[override]  # Django types both users by literal booleans
        return True

    def __str__(self) -> str:
        return "service"


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer aion_...`, or the service key from loopback. Anything else under Bearer is refused."""

    def authenticate(self, request: Request) -> tuple[Any, Credential] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = token.strip()
        if _same(token, settings.AION_SERVICE_KEY):
            return self._service(request)
        key = find_key(token)
        if key is None:
            raise AuthenticationFailed(_("The API key is unknown, expired or revoked."))
        note_use(key)
        return key.user, Credential(key_id=key.pk, scopes=frozenset(key.scopes))

    def authenticate_header(self, request: Request) -> str:
        """Make a missing credential a 401 that names how to bring one."""
        return 'Bearer realm="AION"'

    def _service(self, request: Request) -> tuple[Any, Credential]:
        if not is_loopback(request.META):
            raise AuthenticationFailed(_("The service key works from this machine only."))
        return ServiceUser(), Credential(is_service=True)


def issue_key(
    *, name: str, user_id: int, scopes: Iterable[str], tenant: str, expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """Store a new key and return it with its text, which nobody can read again: only its SHA-256 is kept."""
    text = KEY_MARK + secrets.token_urlsafe(32)
    key = ApiKey.objects.create(
        tenant=tenant,
        name=name,
        prefix=text[:PREFIX_LENGTH],
        hashed=hash_of(text),
        user_id=user_id,
        scopes=sorted(set(scopes)),
        expires_at=expires_at,
    )
    return key, text


def find_key(text: str) -> ApiKey | None:
    """The usable key with this text: neither expired nor revoked, of this tenant, of a user who may still sign in."""
    if not text.startswith(KEY_MARK):
        return None
    return (
        ApiKey.objects.select_related("user")
        .filter(hashed=hash_of(text), tenant=settings.PRIMARY_TENANT_ID, revoked_at=None, user__is_active=True)
        .filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))
        .first()
    )


def note_use(key: ApiKey) -> None:
    """Remember the last use to the minute, so that a busy key does not write a row a call."""
    now = timezone.now()
    if key.last_used_at is None or now - key.last_used_at >= LAST_USE_PRECISION:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)


def hash_of(text: str) -> str:
    """SHA-256; a slow hash would add nothing to 256 random bits, and the digest may be looked up as it is."""
    return hashlib.sha256(text.encode()).hexdigest()


def is_loopback(meta: Mapping[str, Any]) -> bool:
    """Whether the caller is on this machine itself: behind a proxy every caller would look as if it were."""
    if any(header in meta for header in _PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(meta.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def is_open_to(request: HttpRequest | Request) -> bool:
    """Whether `AION_OPEN_CHAT` lets this caller ask without a credential.

    A browser names its page's origin: that must be ours or an allowed one, or any web page could ask on loopback.
    """
    if not settings.AION_OPEN_CHAT:
        return False
    origin = request.headers.get("Origin")
    if origin is None:
        return is_loopback(request.META)
    if origin in settings.AION_ALLOWED_ORIGINS:
        return True
    return _host_of(origin) == request.get_host() and is_loopback(request.META)


def _host_of(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # not an address at all
        return ""


def _same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())
