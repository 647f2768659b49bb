"""An OpenAI-compatible server on the owner's own network (vLLM, llama.cpp's server) as the local model."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
from django.conf import settings
from openai import OpenAI

from inference.engine import (
    Delta,
    EngineState,
    EngineStatus,
    GenerationPart,
    GenerationRequest,
    GenerationResult,
    ServedAdapter,
    Usage,
    Waiting,
)
from inference.exceptions import (
    AdapterRejected,
    DeadlineExceeded,
    EngineBusy,
    EngineUnavailable,
    GenerationCancelled,
    GenerationFailed,
)

PROBE_S = 2.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1", "0.0.0.0"}  # noqa: S104 - recognised, not listened on
_ASSUMED_WINDOW = 8192
_CHARACTERS_PER_TOKEN = 3


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


class OpenAICompatibleEngine:
    """See `inference.engine.Engine`. The server keeps its own queue; it is asked as requests come."""

    def __init__(self, url: str) -> None:
        base = url.rstrip("/")
        self._url = base if base.endswith("/v1") else f"{base}/v1"
        self._client = OpenAI(
            base_url=self._url,
            api_key="none",
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False),
        )
        self._model = ""
        self._error = ""

    def load(self) -> None:
        if self._model:
            return
        try:
            names = [model.id for model in self._client.models.list(timeout=PROBE_S)]
        except openai.OpenAIError as exc:
            self._error = f"{self._url} does not answer: {exc}"
            raise EngineUnavailable(self._error) from exc
        wanted = str(settings.AION_BASE_MODEL)
        if not names:
            raise EngineUnavailable(f"{self._url} serves no model")
        self._model, self._error = wanted if wanted in names else names[0], ""

    def unload(self) -> None:
        self._model = ""

    def status(self) -> EngineStatus:
        return EngineStatus(
            state=EngineState.READY if self._model else EngineState.FAILED if self._error else EngineState.UNLOADED,
            base_model=self._model or str(settings.AION_BASE_MODEL),
            device=self._url,
            context_window=_ASSUMED_WINDOW,
            error=self._error,
        )

    def count_tokens(self, text: str) -> int:
        """An estimate, on the high side: the protocol has no call for it."""
        return len(text) // _CHARACTERS_PER_TOKEN + 1

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[GenerationPart]:
        self.load()
        started = time.monotonic()
        try:
            yield from self._stream(request, cancelled, started)
        except openai.RateLimitError as exc:
            raise EngineBusy(retry_after_s=_retry_after(exc)) from exc
        except openai.APITimeoutError as exc:
            raise DeadlineExceeded(f"no complete answer within {request.deadline_s:.0f} s") from exc
        except openai.APIConnectionError as exc:
            self._model, self._error = "", f"{self._url} does not answer: {exc}"
            raise EngineUnavailable(self._error) from exc
        except openai.APIStatusError as exc:
            unavailable = exc.status_code in (502, 503)
            raise (EngineUnavailable if unavailable else GenerationFailed)(f"{self._url}: {exc}") from exc
        except (openai.OpenAIError, httpx.HTTPError) as exc:
            raise GenerationFailed(f"{self._url}: {exc}") from exc

    def serve_adapter(self, adapter: ServedAdapter | None) -> None:
        if adapter is not None:
            raise AdapterRejected("external_model", f"adapters are loaded on the server at {self._url} itself")

    def _stream(
        self, request: GenerationRequest, cancelled: Callable[[], bool], started: float
    ) -> Iterator[GenerationPart]:
        yield Waiting("queued")  # before the call blocks, so that a hang-up shows
        pieces: list[str] = []
        first_at: float | None = None
        finish, usage = "stop", Usage(0, 0)
        with self._client.chat.completions.create(**_arguments(self._model, request)) as chunks:
            for chunk in chunks:
                _give_up_if_asked(cancelled, started, request)
                usage = _usage_of(chunk) or usage
                for choice in chunk.choices:
                    finish = choice.finish_reason or finish
                    if choice.delta.content:
                        first_at = first_at or time.monotonic()
                        pieces.append(choice.delta.content)
                        yield Delta(choice.delta.content)
        now = time.monotonic()
        yield GenerationResult(
            text="".join(pieces),
            finish_reason="length" if finish == "length" else "stop",
            usage=usage,
            model=self._model,
            adapter="",
            adapter_digest="",
            queue_ms=0.0,
            time_to_first_token_ms=((first_at or now) - started) * 1000,
            generate_ms=(now - started) * 1000,
        )


def _arguments(model: str, request: GenerationRequest) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": request.max_new_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
        "timeout": request.deadline_s,
    }
    if request.stop:
        arguments["stop"] = list(request.stop)
    if request.seed is not None:
        arguments["seed"] = request.seed
    if request.repetition_penalty != 1.0:  # vLLM's name; servers that do not know it ignore it
        arguments["extra_body"] = {"repetition_penalty": request.repetition_penalty}
    return arguments


def _usage_of(chunk: Any) -> Usage | None:
    return Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens) if chunk.usage else None


def _give_up_if_asked(cancelled: Callable[[], bool], started: float, request: GenerationRequest) -> None:
    if cancelled():
        raise GenerationCancelled("whoever asked went away")
    if time.monotonic() - started > request.deadline_s:
        raise DeadlineExceeded(f"no complete answer within {request.deadline_s:.0f} s")


def _retry_after(exc: openai.RateLimitError) -> float:
    try:
        return max(1.0, float(exc.response.headers["retry-after"]))
    except (KeyError, ValueError):
        return 5.0
