"""One call of one paid model, through the `openai` client: streams the answer, and knows what it may have cost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2

from chat.exceptions import FallbackFailed
from chat.overhearing import overhear
from chat.providers import Provider
from inference.engine import Delta, GenerationPart, GenerationResult, Message, Usage, Waiting
from inference.exceptions import GenerationCancelled
from telemetry import budgets
from telemetry.pii import EgressMask
from telemetry.pricing import Price

if TYPE_CHECKING:  # importing it takes a second, which only those who call the provider should spend
    import openai
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk

TIMEOUT_S = 20.0  # to connect, and between two parts
RECONNECT_S = 0.5
LONGEST_RETRY_AFTER_S = 5.0  # whoever waits for an answer waits for this as well
MOST_TOKENS = 10_000_000  # more than any model reads; a larger count is a mistake


class PaidCall:
    """Made once; `usage` is None until the provider has told it."""

    def __init__(self, model: str, provider: Provider, price: Price, *, max_output_tokens: int) -> None:
        self._model = model
        self._price = price
        self._provider = provider
        self._max_output_tokens = max_output_tokens
        self._certainly_free = False
        self.usage: Usage | None = None
        self.first_token_ms = 0.0

    def stream(
        self, messages: Sequence[Message], mask: EgressMask, *, until: float, cancelled: Callable[[], bool]
    ) -> Generator[GenerationPart, None, None]:
        """The answer, unmasked, as it comes; `until` is on the monotonic clock. Raises `FallbackFailed` and
        `GenerationCancelled`."""
        started = time.monotonic()
        unmasker = mask.unmasker()
        said: list[str] = []
        finish = ""
        with closing(overhear(lambda: self._chunks(messages, until - started))) as chunks:
            for chunk in chunks:
                if cancelled():
                    raise GenerationCancelled("whoever asked went away")
                if time.monotonic() > until:
                    raise FallbackFailed("timeout", "the provider took longer than the deadline")
                if chunk is None:
                    yield Waiting("prefill")
                    continue
                piece, ended = _read(chunk)
                finish = ended or finish
                if finish and chunk.usage is not None:  # some count as they go: before the end that is not all
                    self.usage = _usage_of(chunk.usage)
                if text := unmasker.feed(piece):
                    self.first_token_ms = self.first_token_ms or (time.monotonic() - started) * 1000
                    said.append(text)
                    yield Delta(text)
        if rest := unmasker.flush():
            said.append(rest)
            yield Delta(rest)
        if not finish:
            raise FallbackFailed("interrupted", "the provider's stream ended before its end")
        if not said and finish != "length":
            raise FallbackFailed("malformed", "the provider gave an empty answer")
        yield GenerationResult(
            text="".join(said),
            finish_reason="length" if finish == "length" else "stop",
            usage=self.usage or Usage(0, 0),
            model=self._model,
            adapter="",
            adapter_digest="",
            queue_ms=0.0,
            time_to_first_token_ms=self.first_token_ms,
            generate_ms=(time.monotonic() - started) * 1000,
        )

    def close(self, reservation_id: UUID) -> Decimal:
        """Settle on what was used; at the maximum where the provider did not tell; free what was never processed."""
        if self._certainly_free:
            budgets.release(reservation_id)
            return Decimal(0)
        cost = None
        if self.usage is not None:
            cost = self._price.cost_usd(self.usage.input_tokens, self.usage.output_tokens)
        return budgets.settle(reservation_id, cost_usd=cost)

    def _chunks(self, messages: Sequence[Message], left_s: float) -> Generator[ChatCompletionChunk, None, None]:
        """The provider's stream, its errors as `FallbackFailed`. An address where nothing listens and a refusal by
        status charged nothing; after that the provider may have."""
        import openai

        try:
            with (
                self._client(min(TIMEOUT_S, left_s)) as client,
                client.chat.completions.create(**self._arguments(messages)) as stream,
            ):
                yield from stream
        except openai.APIConnectionError as exc:
            raise self._unreached(exc) from exc
        except openai.APIStatusError as exc:
            raise self._turned_away(exc) from exc
        except httpx2.TimeoutException as exc:
            raise FallbackFailed("timeout", type(exc).__name__) from exc
        except httpx2.HTTPError as exc:
            raise FallbackFailed("interrupted", type(exc).__name__) from exc
        except (openai.OpenAIError, ValueError, AttributeError, TypeError) as exc:
            raise FallbackFailed("malformed", type(exc).__name__) from exc

    def _client(self, timeout_s: float) -> openai.OpenAI:
        import openai

        key = self._provider.api_key or "none"
        return openai.OpenAI(api_key=key, base_url=self._provider.base_url, timeout=timeout_s, max_retries=0)

    def _arguments(self, messages: Sequence[Message]) -> dict[str, Any]:
        """Newer OpenAI models know only `max_completion_tokens` and no temperature; compatible servers the older."""
        arguments: dict[str, Any] = {
            "model": self._model,
            "messages": [{"role": message.role, "content": message.content} for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self._model.startswith(("o1", "o3", "o4", "gpt-5")):
            return arguments | {"max_completion_tokens": self._max_output_tokens}
        return arguments | {"max_tokens": self._max_output_tokens, "temperature": 0}

    def _unreached(self, exc: openai.APIConnectionError) -> FallbackFailed:
        """What a broken connection means: free where there never was one; else the provider may have worked."""
        cause = exc.__cause__
        self._certainly_free = isinstance(
            cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.UnsupportedProtocol
        )
        if self._certainly_free:
            again_in_s = RECONNECT_S if isinstance(cause, httpx2.ConnectError) else None
            return FallbackFailed("unreachable", type(cause).__name__, again_in_s=again_in_s)
        reason = "timeout" if isinstance(cause, httpx2.TimeoutException) else "interrupted"
        return FallbackFailed(reason, type(cause).__name__)

    def _turned_away(self, exc: openai.APIStatusError) -> FallbackFailed:
        """What a status means: a refusal is free; a failure is not, unless the provider asks to come back later."""
        status, later_s = exc.status_code, _retry_after_s(exc)
        self._certainly_free = status < 500 or (status == 503 and later_s is not None)
        soon = status in (429, 503) and later_s is not None and later_s <= LONGEST_RETRY_AFTER_S
        reason = "quota" if status == 429 else "server_error" if status >= 500 else "refused"
        return FallbackFailed(reason, f"HTTP {status}", status=status, again_in_s=later_s if soon else None)


def _read(chunk: ChatCompletionChunk) -> tuple[str, str]:
    """What a part says and why it is the last one, "" where it does neither. The client takes any JSON for a part."""
    if not chunk.choices:
        return "", ""
    try:
        piece, finish = chunk.choices[0].delta.content or "", chunk.choices[0].finish_reason or ""
    except (AttributeError, TypeError, KeyError) as exc:
        raise FallbackFailed("malformed", type(exc).__name__) from exc
    if not (isinstance(piece, str) and isinstance(finish, str)):
        raise FallbackFailed("malformed", "a part without text")
    return piece, finish


def _usage_of(told: CompletionUsage) -> Usage | None:
    """The tokens that the provider counted; None where that cannot be, which is then charged at the maximum."""
    counts = (getattr(told, "prompt_tokens", None), getattr(told, "completion_tokens", None))
    prompt, completion = (count if type(count) is int and 0 <= count <= MOST_TOKENS else None for count in counts)
    return Usage(prompt, completion) if prompt and completion is not None else None


def _retry_after_s(exc: openai.APIStatusError) -> float | None:
    """Seconds of `Retry-After`; None where it says none, or a date, which is never soon."""
    try:
        seconds = float(exc.response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
