"""One chat completion of an OpenAI-compatible server, read by an event loop in a thread of its own.

A thread that waits for a socket cannot be told to stop; a task can. So a caller who goes away frees the server at once,
whether the request was queued there, in prefill or being written.
"""

from __future__ import annotations

import asyncio
import functools
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import openai
from openai.types.chat import ChatCompletionChunk

from inference.engine import GenerationRequest, GenerationResult, ServedAdapter, Usage
from inference.exceptions import EngineBusy, EngineUnavailable, GenerationFailed, InferenceError

CONNECT_S = 5.0
POLL_S = 0.1  # how often a waiting caller looks whether whoever asked is still there
SIGN_OF_LIFE_S = 1.0
_DEFAULT_RETRY_S, _LONGEST_RETRY_S = 5.0, 600.0


class ChatStream:
    """Streams from the server at `url`. Each request has its own connection: on a local network that costs nothing,
    and none can have gone stale in a pool."""

    def __init__(self, url: str) -> None:
        self._loop = _event_loop()
        self._client = openai.AsyncOpenAI(
            base_url=url,
            api_key="none",
            max_retries=0,
            timeout=openai.Timeout(None, connect=CONNECT_S),  # the caller's deadline ends the rest
            default_headers={"Connection": "close"},
            http_client=openai.DefaultAsyncHttpxClient(trust_env=False),
        )

    def chunks(self, arguments: dict[str, Any], check: Callable[[], None]) -> Iterator[ChatCompletionChunk | None]:
        """The server's chunks, None about once a second while there are none.

        Raises what `check` raises, asked all the while, and what the openai client raises. Closing it hangs up.
        """
        arrived: queue.SimpleQueue[ChatCompletionChunk | Future[None]] = queue.SimpleQueue()
        reading = asyncio.run_coroutine_threadsafe(self._read(arguments, arrived), self._loop)
        reading.add_done_callback(arrived.put)
        shown_at = time.monotonic()
        try:
            while True:
                check()
                try:
                    piece = arrived.get(timeout=POLL_S)
                except queue.Empty:
                    if time.monotonic() - shown_at < SIGN_OF_LIFE_S:
                        continue
                    piece = None
                if isinstance(piece, Future):
                    piece.result()
                    return
                shown_at = time.monotonic()
                yield piece
        finally:
            reading.cancel()

    async def _read(self, arguments: dict[str, Any], arrived: queue.SimpleQueue[Any]) -> None:
        async with await self._client.chat.completions.create(**arguments, stream=True) as stream:
            try:
                async for chunk in stream:
                    arrived.put(chunk)
            except openai.APIConnectionError as exc:
                raise GenerationFailed("the server broke the answer off") from exc
            except ValueError as exc:
                raise GenerationFailed("the server sent something else than its protocol") from exc


@dataclass
class Transcript:
    """What has come of one answer. `model` is what it was asked of; `started` is a time of the monotonic clock.

    Where the server counts no tokens, a piece is taken for one, and the prompt has `prompt_estimate` of them.
    """

    model: str
    started: float
    prompt_estimate: int
    pieces: list[str] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    usage: Usage | None = None
    finish_reason: str = ""
    first_at: float | None = None

    def take(self, chunk: ChatCompletionChunk) -> str:
        """The new text in `chunk`, perhaps none."""
        if chunk.usage:
            self.usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self.finish_reason = choice.finish_reason or self.finish_reason
        if choice.logprobs and choice.logprobs.content:
            self.logprobs += [token.logprob for token in choice.logprobs.content]
        text = choice.delta.content or ""
        if text:
            self.first_at = self.first_at or time.monotonic()
            self.pieces.append(text)
        return text

    def result(self, base_model: str, adapter: ServedAdapter | None) -> GenerationResult:
        """Raises `GenerationFailed` where the server broke off: some end a stream early as if it were whole."""
        if self.finish_reason not in ("stop", "length"):
            how = self.finish_reason or "without saying why"
            raise GenerationFailed(f"the server ended the answer before it was complete ({how})")
        now = time.monotonic()
        return GenerationResult(
            text="".join(self.pieces),
            finish_reason="length" if self.finish_reason == "length" else "stop",
            usage=self.usage or Usage(self.prompt_estimate, len(self.pieces)),
            model=base_model,
            adapter=adapter.name if adapter else "",
            adapter_digest=adapter.digest if adapter else "",
            queue_ms=0.0,
            time_to_first_token_ms=((self.first_at or now) - self.started) * 1000,
            generate_ms=(now - self.started) * 1000,
            mean_logprob=math.fsum(self.logprobs) / len(self.logprobs) if self.logprobs else None,
            min_logprob=min(self.logprobs, default=None),
        )


def chat_arguments(model: str, request: GenerationRequest, *, logprobs: bool) -> dict[str, Any]:
    """`request` as the openai client takes it. What a server does not know among `extra_body` it ignores."""
    arguments: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in request.messages],
        "max_tokens": request.max_new_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "stream_options": {"include_usage": True},
    }
    if logprobs:
        arguments["logprobs"] = True
    if request.stop:
        arguments["stop"] = list(request.stop)
    if request.seed is not None:
        arguments["seed"] = request.seed
    if request.repetition_penalty != 1.0:  # vLLM's name and llama.cpp's
        penalty = request.repetition_penalty
        arguments["extra_body"] = {"repetition_penalty": penalty, "repeat_penalty": penalty}
    return arguments


def engine_error(exc: openai.OpenAIError, server: str) -> InferenceError:
    """What the client raised, in the engine's terms."""
    if isinstance(exc, openai.APIStatusError):
        return _error_of_answer(exc, server)
    if isinstance(exc, openai.APIConnectionError):  # its timeout too: only connecting has one
        return EngineUnavailable(f"{server} does not answer: {exc}")
    return GenerationFailed(f"{server}: {exc}")


def _error_of_answer(exc: openai.APIStatusError, server: str) -> InferenceError:
    asks_to_wait = "retry-after" in exc.response.headers
    if exc.status_code == 429 or (exc.status_code == 503 and asks_to_wait):
        return EngineBusy(_retry_after_s(exc.response.headers.get("retry-after", "")))
    if exc.status_code in (502, 503, 504):
        return EngineUnavailable(f"{server}: {exc}")
    return GenerationFailed(f"{server}: {exc}")


def _retry_after_s(header: str) -> float:
    try:
        return min(max(1.0, float(header)), _LONGEST_RETRY_S)
    except ValueError:
        return _DEFAULT_RETRY_S


@functools.cache
def _event_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="external-model", daemon=True).start()
    return loop
