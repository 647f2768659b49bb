"""Rate limits as manners: they keep one caller from crowding out the others; budgets and the queue protect AION."""

from __future__ import annotations

import logging
from typing import Any, Final

from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from chat.authentication import Credential, is_loopback

logger = logging.getLogger(__name__)

RATES: Final[dict[str, str | None]] = {
    "chat": "60/min",
    "feedback": "120/min",
    "history": "240/min",
    "embeddings": "240/min",
}


class CallerThrottle(SimpleRateThrottle):
    """Counts by key, else by person, else by address. AION's own commands are not counted."""

    THROTTLE_RATES = RATES

    def allow_request(self, request: Request, view: APIView) -> bool:
        try:
            return super().allow_request(request, view)
        except RedisError:
            logger.warning("requests are not counted: the cache cannot be reached")
            return True

    def get_cache_key(self, request: Request, view: APIView) -> Any:
        credential = request.auth if isinstance(request.auth, Credential) else None
        if credential and credential.is_service:
            return None
        if credential:
            caller = f"key-{credential.key_id}"
        elif request.user.is_authenticated:
            caller = f"user-{request.user.pk}"
        else:
            caller = f"address-{self.get_ident(request)}"
        return self.cache_format % {"scope": self.scope, "ident": caller}

    def get_ident(self, request: Request) -> str:
        """The address that connected; where that is a proxy on this machine, the caller whom it names: the last, since
        those before it are what the caller says."""
        address = str(request.META.get("REMOTE_ADDR", ""))
        named = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        return named if named and is_loopback({"REMOTE_ADDR": address}) else address


class ChatThrottle(CallerThrottle):
    scope = "chat"


class FeedbackThrottle(CallerThrottle):
    scope = "feedback"


class EmbeddingThrottle(CallerThrottle):
    scope = "embeddings"


class HistoryThrottle(CallerThrottle):
    scope = "history"
