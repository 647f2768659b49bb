"""Whether another server has the local model: `AION_LOCAL_LLM_URL`."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import httpx
from django.conf import settings

PROBE_S = 2.0
ASK_AGAIN_S = 60.0  # after a probe without an answer
_LOOPBACK = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}  # noqa: S104 - recognised, not listened on

_answers: dict[str, bool] = {}
_unanswered_at: dict[str, float] = {}


def external_url() -> str:
    """Where the model is asked, "" where this installation has it. The address is asked whether it is AION."""
    url = str(settings.AION_LOCAL_LLM_URL)
    return "" if not url or is_aion_itself(url) else url


def is_aion_itself(url: str) -> bool:
    """Old installations have the old model server's address here, which is AION's own now: it would ask itself."""
    parts = urlsplit(url)
    if parts.hostname in _LOOPBACK | {settings.AION_HOST} and (parts.port or 80) == settings.AION_PORT:
        return True
    if url not in _answers and time.monotonic() - _unanswered_at.get(url, -ASK_AGAIN_S) >= ASK_AGAIN_S:
        _ask(url, f"{parts.scheme}://{parts.netloc}/health")
    return _answers.get(url, False)


def _ask(url: str, health: str) -> None:
    """Remember the answer; where there is none, when that was: it is too slow to be asked at every question."""
    try:
        answer = httpx.get(health, timeout=PROBE_S, trust_env=False)
        if answer.is_server_error:  # of a proxy before what is not up yet
            answer.raise_for_status()
    except httpx.HTTPError:
        _unanswered_at[url] = time.monotonic()
        return
    try:
        body = answer.json()
    except ValueError:
        body = None
    _answers[url] = isinstance(body, dict) and body.get("service") == "aion"
