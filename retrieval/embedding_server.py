"""An embeddings server with OpenAI's protocol on this machine (vLLM, llama.cpp, Ollama, text-embeddings-inference).

Whatever is embedded is sent there: every document, `local-only` ones too, and every question. So the server must be
on this machine; one elsewhere is reached by whoever brings it here, by a tunnel of the owner's own.
"""

from __future__ import annotations

import ipaddress
import json
import re
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from django.conf import settings
from django.utils.translation import gettext as _

from retrieval.exceptions import EmbeddingFailed
from retrieval.vectors import Vectors, clean, remembered

if TYPE_CHECKING:
    import httpx

BATCH = 32
QUERY_S = 10.0
PASSAGES_S = 120.0
PAUSES_S = (0.5, 2.0)  # before the second and the third attempt
ANSWER_BYTES = 64 * 1024**2  # 32 vectors of 4000 numbers are 3 MB
CHARACTERS_A_TOKEN = 3  # fewer than any multilingual tokenizer takes for Portuguese: chunks come out a little short
NAME = re.compile(r"(?P<model>.+)@(?P<base>https?://.+)")


class _TryAgain(Exception):
    """An attempt that may go better next time."""


class EmbeddingServer:
    """`openai:<model>@<base url>`; its dimension is read from its first answer. Safe to share between threads."""

    def __init__(self, name: str) -> None:
        self.id = f"openai:{name}"
        found = NAME.fullmatch(name)
        if found is None:
            raise EmbeddingFailed(
                _("AION_EMBEDDER=%(embedder)s: write it as openai:model@http://127.0.0.1:8080/v1")
                % {"embedder": self.id}
            )
        self._model = found["model"]
        self._address = f"{_on_this_machine(found['base'])}/embeddings"
        self._lock = threading.Lock()
        self._dimensions: int | None = None
        self.query = remembered(lambda text: self._embed([text], QUERY_S)[0])

    @property
    def dimensions(self) -> int:
        if self._dimensions is None:
            self.query("dimension")
        assert self._dimensions is not None  # noqa: S101 - an answer tells it
        return self._dimensions

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Texts of like length go together: the server pads, too."""
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        by_length = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        for first in range(0, len(texts), BATCH):
            batch = by_length[first : first + BATCH]
            vectors[batch] = self._embed([texts[index] for index in batch], PASSAGES_S)
        return vectors

    def token_count(self, text: str) -> int:
        """An estimate, on the safe side: the protocol does not count."""
        return -(-len(text) // CHARACTERS_A_TOKEN)

    def _embed(self, texts: Sequence[str], limit_s: float) -> Vectors:
        """(n, d), asked for at most three times. Raises `EmbeddingFailed`."""
        for pause in (*PAUSES_S, None):
            try:
                return self._unit_vectors(self._ask(texts, limit_s), len(texts))
            except _TryAgain as exc:
                if pause is None:
                    raise self._failure(str(exc)) from exc
                time.sleep(pause)
        raise AssertionError("unreachable")

    def _ask(self, texts: Sequence[str], limit_s: float) -> Any:
        """What the server answers, read within the limits of time and size. Raises `_TryAgain` or `EmbeddingFailed`."""
        import httpx

        body = {"model": self._model, "input": [clean(text) for text in texts], "encoding_format": "float"}
        key = settings.AION_EMBEDDER_API_KEY
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        deadline = time.monotonic() + limit_s
        try:
            with (
                httpx.Client(timeout=limit_s, trust_env=False) as client,
                client.stream("POST", self._address, json=body, headers=headers) as response,
            ):
                content = _read(response, deadline)
        except httpx.HTTPError as exc:
            raise _TryAgain(f"{type(exc).__name__}: {exc}") from exc
        if response.status_code == 429 or response.status_code >= 500:
            raise _TryAgain(f"HTTP {response.status_code}")
        if response.status_code != 200:
            raise self._failure(f"HTTP {response.status_code}: {content[:200].decode('utf-8', 'replace')}")
        try:
            return json.loads(content)
        except ValueError as exc:
            raise self._failure(_("its answer is no JSON")) from exc

    def _unit_vectors(self, answer: Any, count: int) -> Vectors:
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            if [row["index"] for row in rows] != list(range(count)):
                raise self._failure(_("it was asked for %(count)d vectors and gave others") % {"count": count})
            vectors = np.array([row["embedding"] for row in rows], np.float64)
        except (KeyError, TypeError, ValueError, OverflowError) as exc:
            raise self._failure(_("its answer holds no vectors")) from exc
        if vectors.ndim != 2 or vectors.shape[1] == 0:
            raise self._failure(_("its answer holds no vectors"))
        with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at
            lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or (lengths < 1e-6).any():
            raise self._failure(_("it gave a vector that is none: zeros, or not numbers"))
        with self._lock:
            if self._dimensions is None:
                self._dimensions = vectors.shape[1]
            if vectors.shape[1] != self._dimensions:
                numbers = {"now": vectors.shape[1], "before": self._dimensions}
                raise self._failure(_("it gave vectors of %(now)d dimensions, before of %(before)d") % numbers)
        return np.asarray(vectors / lengths, np.float32)

    def _failure(self, why: str) -> EmbeddingFailed:
        return EmbeddingFailed(
            _("The embeddings server at %(address)s failed: %(why)s.") % {"address": self._address, "why": why}
        )


def _read(response: httpx.Response, deadline: float) -> bytes:
    content = bytearray()
    for piece in response.iter_bytes():
        content += piece
        if len(content) > ANSWER_BYTES:
            raise EmbeddingFailed(_("The embeddings server's answer is too large."))
        if time.monotonic() > deadline:
            raise _TryAgain(_("it took too long"))
    return bytes(content)


def _on_this_machine(base: str) -> str:
    """The address without its last slash; raises `EmbeddingFailed` where it leads elsewhere or holds a password."""
    try:
        parts = urlsplit(base)
        host, _port = parts.hostname or "", parts.port
    except ValueError as exc:
        raise EmbeddingFailed(_("AION_EMBEDDER: “%(address)s” is no address.") % {"address": base}) from exc
    if parts.username is not None or parts.query or parts.fragment:
        raise EmbeddingFailed(_("AION_EMBEDDER: the address goes without password, “?” and “#”."))
    try:
        is_here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = False
    if not is_here:
        raise EmbeddingFailed(
            _(
                "AION_EMBEDDER: the server at “%(host)s” is not on this machine, and every document would be sent "
                "there. Run it here, or bring it to 127.0.0.1 by a tunnel."
            )
            % {"host": host}
        )
    return base.rstrip("/")
