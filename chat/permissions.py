"""What a caller may do: named permissions for people, scopes on top of them for programs."""

from __future__ import annotations

from typing import Final

from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from chat.answers import Asker
from chat.authentication import Credential, is_open_to
from chat.models import ApiKey

SET_TAU: Final = "chat.set_tau"
FORCE_FALLBACK: Final = "chat.force_fallback"
SWITCH_FORCING: Final = ("chat.add_chatsettingsrevision", FORCE_FALLBACK)  # for everybody, by the timed switch


class MayChat(BasePermission):
    """A signed-in person, a key that may chat, AION's own commands; anybody where the chat is open to them."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return is_open_to(request)
        return _scope_allows(request, ApiKey.Scope.CHAT)


class MayGiveFeedback(BasePermission):
    """Whoever may have asked; that it was this very person is looked up with the answer."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not request.user.is_authenticated:
            return is_open_to(request)
        return _scope_allows(request, ApiKey.Scope.FEEDBACK)


class IsSignedIn(BasePermission):
    """A person with a session; a program's key opens no history and no documentation."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return request.user.is_authenticated and request.auth is None


def asker_of(request: Request) -> Asker:
    """The caller as the answer path knows it."""
    credential = request.auth if isinstance(request.auth, Credential) else None
    if credential and credential.is_service:
        return Asker(groups=None, may_set_tau=True, may_force=True, is_service=True)
    user = request.user
    if not user.is_authenticated:
        return Asker()
    return Asker(
        user_id=user.pk,
        key_id=credential.key_id if credential else None,
        groups=None if user.is_superuser else tuple(user.groups.values_list("name", flat=True)),
        may_set_tau=user.has_perm(SET_TAU) and _scope_allows(request, ApiKey.Scope.SET_TAU),
        may_force=user.has_perm(FORCE_FALLBACK) and _scope_allows(request, ApiKey.Scope.FORCE_FALLBACK),
    )


def person_of(request: Request) -> int:
    """The id of the person whose session this is, where `IsSignedIn` has let them in."""
    if request.user.pk is None:
        raise NotAuthenticated
    return request.user.pk


def _scope_allows(request: Request, scope: str) -> bool:
    """A session has no scopes: there the person's own permissions decide alone."""
    return request.auth is None or (isinstance(request.auth, Credential) and request.auth.allows(scope))
