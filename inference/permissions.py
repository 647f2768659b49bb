"""Who may use the model directly and change what it serves. A program's key needs the scope besides the permission."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView


@runtime_checkable
class Credential(Protocol):
    """What `request.auth` is when a bearer token was sent."""

    @property
    def is_service(self) -> bool: ...

    def allows(self, scope: str) -> bool: ...


class _Needs(BasePermission):
    """A Django permission and, for a key, a scope."""

    permission: str
    scope: str

    def has_permission(self, request: Request, view: APIView) -> bool:
        credential = request.auth
        if isinstance(credential, Credential) and credential.is_service:
            return True
        if isinstance(credential, Credential) and not credential.allows(self.scope):
            return False
        return request.user.has_perm(self.permission)


class MayGenerate(_Needs):
    permission = "inference.use_generate"
    scope = "generate"


class MayLoadAdapters(_Needs):
    permission = "inference.load_adapter"
    scope = "adapter"


class MayMergeAdapters(_Needs):
    permission = "inference.merge_adapter"
    scope = "adapter"


class IsService(BasePermission):
    """AION's own commands on this machine: authentication accepts their key from loopback only."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        return isinstance(request.auth, Credential) and request.auth.is_service
