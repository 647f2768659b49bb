"""`GET /metrics`: the figures for Prometheus, to whoever has their token."""

from __future__ import annotations

import hmac
import re
from functools import cache

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from aion.observing import figures, readings
from chat.errors import Problem

_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Closed while no token is set: an address that anybody may read would be open before anyone noticed."""
    if not settings.AION_METRICS_TOKEN:
        return _refusal(Problem(403, "permission_denied", _("Set AION_METRICS_TOKEN: /metrics is closed without it.")))
    if not _has_token(request):
        message = _("Send the token of /metrics: Authorization: Bearer ...")
        return _refusal(Problem(401, "not_authenticated", message, headers={"WWW-Authenticate": "Bearer"}))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return HttpResponse(encode(_registry()), content_type=content_type)


def _has_token(request: HttpRequest) -> bool:
    """Compared in a time that tells nothing of the token."""
    sent = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    return sent is not None and hmac.compare_digest(sent[1].encode(), settings.AION_METRICS_TOKEN.encode())


@cache
def _registry() -> CollectorRegistry:
    for collector in readings.collectors():
        figures.REGISTRY.register(collector)
    return figures.REGISTRY


def _refusal(problem: Problem) -> JsonResponse:
    return JsonResponse(problem.body(), status=problem.status, headers=dict(problem.headers))
