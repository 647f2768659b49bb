"""Whether another server has the local model: `AION_LOCAL_LLM_URL`."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

import httpx
from django.conf import settings

PROBE_S = 2.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}  # noqa: S104 - recognised, not listened on


def external_url() -> str:
    """Where the model is asked, "" where this installation has it. The address is asked once whether it is AION."""
    url = str(settings.AION_LOCAL_LLM_URL)
    return "" if not url or is_aion_itself(url) else url


@lru_cache(maxsize=8)
def is_aion_itself(url: str) -> bool:
    """Old installations have the old model server's address here, which is AION's own now: it would ask itself."""
    parts = urlsplit(url)
    if parts.hostname in _LOOPBACK | {settings.AION_HOST} and (parts.port or 80) == settings.AION_PORT:
        return True
    try:
        answer = httpx.get(f"{parts.scheme}://{parts.netloc}/health", timeout=PROBE_S, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return False
    return isinstance(answer, dict) and answer.get("service") == "aion"
