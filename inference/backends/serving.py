"""The web process's model, asked over loopback: what tasks and commands use, so that the weights are in memory once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import httpx
from django.conf import settings

from inference import wire
from inference.engine import (
    EngineState,
    EngineStatus,
    GenerationPart,
    GenerationRequest,
    GenerationResult,
    Priority,
    ServedAdapter,
)
from inference.exceptions import AdapterRejected, EngineUnavailable, GenerationCancelled, GenerationFailed

CONNECT_S = 1.0
SILENCE_S = 30.0  # a living engine sends a part every second


class ServingEngine:
    """See `inference.engine.Engine`; everything goes to the process that serves, at batch priority."""

    def __init__(self, url: str = "") -> None:
        self._client = httpx.Client(
            base_url=url or _own_url(),
            headers={"Authorization": f"Bearer {settings.AION_SERVICE_KEY}"},
            timeout=httpx.Timeout(SILENCE_S, connect=CONNECT_S),
            trust_env=False,  # loopback never goes through a proxy
        )

    @classmethod
    def reach(cls) -> ServingEngine | None:
        """The serving process if it is there and ready, else None."""
        engine = cls()
        try:
            state = engine.status().state
        except (EngineUnavailable, GenerationFailed):
            return None
        return engine if state in (EngineState.READY, EngineState.SWAPPING) else None

    def load(self) -> None:
        self.status()

    def unload(self) -> None:
        self._client.close()

    def status(self) -> EngineStatus:
        status = next(self._lines("{}"))
        if not isinstance(status, EngineStatus):
            raise GenerationFailed("the serving process did not say what it serves")
        return status

    def count_tokens(self, text: str) -> int:
        *_status, count = self._lines(wire.encode_count(text))
        return count if isinstance(count, int) else 0

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[GenerationPart]:
        body = wire.encode_request(replace(request, priority=Priority.BATCH))
        for part in self._lines(body):
            if cancelled():
                raise GenerationCancelled("whoever asked went away")
            if isinstance(part, (EngineStatus, int)):
                continue
            yield part
            if isinstance(part, GenerationResult):
                return
        raise GenerationFailed("the serving process ended without a result")

    def serve_adapter(self, adapter: ServedAdapter | None) -> None:
        raise AdapterRejected("not_here", "what serves is changed in the database, by inference.adapters")

    def _lines(self, body: str) -> Iterator[GenerationPart | EngineStatus | int]:
        try:
            with self._client.stream("POST", "/internal/generate", content=body) as response:
                if response.status_code != httpx.codes.OK:
                    raise EngineUnavailable(f"the serving process answered {response.status_code}")
                for line in response.iter_lines():
                    if line.strip():
                        yield wire.decode_line(line)
        except httpx.TransportError as exc:
            raise EngineUnavailable(f"the serving process does not answer: {exc}") from exc


def _own_url() -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.AION_HOST, settings.AION_HOST)  # noqa: S104
    return f"http://[{host}]:{settings.AION_PORT}" if ":" in host else f"http://{host}:{settings.AION_PORT}"
