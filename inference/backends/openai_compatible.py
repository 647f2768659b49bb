"""An OpenAI-compatible server on the owner's own network (vLLM, llama.cpp's server) as the local model."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import openai
from django.conf import settings

from inference.backends.chat_stream import ChatStream, Transcript, chat_arguments, engine_error
from inference.backends.runtime_lora import RuntimeAdapters, model_cards, name_of
from inference.engine import (
    Delta,
    EngineState,
    EngineStatus,
    GenerationPart,
    GenerationRequest,
    ServedAdapter,
    Waiting,
)
from inference.exceptions import (
    AdapterRejected,
    DeadlineExceeded,
    EngineUnavailable,
    GenerationCancelled,
    GenerationFailed,
    InferenceError,
)

logger = logging.getLogger(__name__)

PROBE_S = 2.0
_CHARACTERS_PER_TOKEN = 3
_LONGEST_DEVICE = 40  # what a process's report holds


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The server's base model. `window` is in tokens, 0 where the server does not say."""

    name: str
    window: int
    is_vllm: bool


class OpenAICompatibleEngine:
    """See `inference.engine.Engine`. The server keeps its own queue; it is asked as requests come.

    Nothing is asked of it but what a request needs: llama-cpp-python's server breaks off a stream for any other call.
    """

    def __init__(self, url: str) -> None:
        base = url.rstrip("/")
        base = base if base.endswith("/v1") else f"{base}/v1"
        parts = urlsplit(base)
        self._server = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
        self._client = httpx.Client(
            base_url=base, timeout=PROBE_S, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )
        self._stream = ChatStream(base)
        self._adapters = RuntimeAdapters(self._client, self._server)
        self._base: BaseModel | None = None
        self._away = False
        self._error = ""

    def load(self) -> None:
        self._ready()

    def unload(self) -> None:
        self._base = None

    def status(self) -> EngineStatus:
        base, adapter = self._base, self._adapters.current
        return EngineStatus(
            state=self._state(),
            base_model=base.name if base else str(settings.AION_BASE_MODEL),
            adapter=adapter.name if adapter else "",
            adapter_digest=adapter.digest if adapter else "",
            device=self._server[:_LONGEST_DEVICE],
            context_window=base.window if base else 0,
            error=self._error,
        )

    def count_tokens(self, text: str) -> int:
        """An estimate, on the high side: the protocol has no call for it."""
        return len(text) // _CHARACTERS_PER_TOKEN + 1

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[GenerationPart]:
        started = time.monotonic()

        def check() -> None:
            if cancelled():
                raise GenerationCancelled("whoever asked went away")
            if time.monotonic() - started > request.deadline_s:
                raise DeadlineExceeded(f"no complete answer within {request.deadline_s:.0f} s")

        base = self._ready()
        with self._adapters.in_use() as adapter:
            try:
                try:
                    yield from self._answer(base, adapter, request, check, started)
                except openai.NotFoundError:
                    yield from self._answer(self._found_again(adapter), adapter, request, check, started)
            except openai.OpenAIError as exc:
                raise self._failure(exc) from exc

    def serve_adapter(self, adapter: ServedAdapter | None) -> None:
        try:
            self._adapters.switch(adapter)
        except AdapterRejected as exc:
            self._error = str(exc)
            raise
        self._error = ""

    def _answer(
        self,
        base: BaseModel,
        adapter: ServedAdapter | None,
        request: GenerationRequest,
        check: Callable[[], None],
        started: float,
    ) -> Iterator[GenerationPart]:
        prompt_estimate = sum(self.count_tokens(message.content) for message in request.messages)
        asked = Transcript(name_of(adapter) if adapter else base.name, started, prompt_estimate)
        arguments = chat_arguments(asked.model, request, logprobs=base.is_vllm)
        for chunk in self._stream.chunks(arguments, check):
            if chunk is None:
                yield Waiting("queued")
                continue
            if adapter and chunk.model != asked.model:  # some serve whatever they have, whatever they are asked for
                raise GenerationFailed(f"{self._server} answered as {chunk.model} instead of the adapter")
            if text := asked.take(chunk):
                yield Delta(text)
        yield asked.result(base.name, adapter)

    def _found_again(self, adapter: ServedAdapter | None) -> BaseModel:
        """The server does not know what it was asked for: it was restarted, perhaps with another model."""
        self._base = None
        base = self._ready()
        if adapter is None:
            return base
        try:
            self._adapters.restore(adapter)
        except AdapterRejected as exc:
            self._error = str(exc)
            raise EngineUnavailable(f"{self._server} has lost the adapter {adapter.name}: {exc}") from exc
        logger.warning("%s had lost the adapter %s; it is loaded again", self._server, adapter.name)
        return base

    def _state(self) -> EngineState:
        if self._base is None:
            return EngineState.UNREACHABLE if self._away else EngineState.UNLOADED
        return EngineState.SWAPPING if self._adapters.is_switching else EngineState.READY

    def _ready(self) -> BaseModel:
        """The base model, asked for where it is not known."""
        if base := self._base:
            return base
        try:
            self._base = base = _base_model(model_cards(self._client.get("models")))
        except httpx.HTTPError as exc:
            reason = str(exc) or type(exc).__name__
            raise self._gone(EngineUnavailable(f"{self._server} does not answer: {reason}")) from exc
        except EngineUnavailable as exc:
            raise self._gone(exc) from exc
        if self._away:
            self._away, self._error = False, ""
        return base

    def _failure(self, exc: openai.OpenAIError) -> InferenceError:
        failure = engine_error(exc, self._server)
        return self._gone(failure) if isinstance(exc, openai.APIConnectionError) else failure

    def _gone(self, why: InferenceError) -> InferenceError:
        self._base, self._away, self._error = None, True, str(why)
        return why


def _base_model(cards: list[dict[str, Any]]) -> BaseModel:
    """The configured one where the server has it, else its first. Adapters name their `parent`."""
    cards = [card for card in cards if not card.get("parent")]
    if not cards:
        raise EngineUnavailable("the server serves no model")
    card = next((card for card in cards if card["id"] == settings.AION_BASE_MODEL), cards[0])
    window = card.get("max_model_len")
    return BaseModel(
        name=card["id"], window=window if isinstance(window, int) else 0, is_vllm=card.get("owned_by") == "vllm"
    )
