"""The paid provider, through the `openai` client. No call without a reservation, none with personal data in it.

Yields the same parts as a local engine, so that one path answers both. What could not be known to be free is charged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx2
from django.conf import settings

from chat.answers import Asker
from chat.connections import give_back_connection
from chat.control import ChatPolicy
from chat.exceptions import FallbackFailed, FallbackUnavailable
from chat.prompts import PackedPassage, build_messages
from chat.router import Paid
from inference.engine import Delta, GenerationPart, GenerationResult, Message, Usage
from inference.exceptions import GenerationCancelled
from telemetry import budgets, pricing
from telemetry.exceptions import BudgetRefused, PersonalDataLeft
from telemetry.pii import EgressMask, mask_for_egress

if TYPE_CHECKING:  # importing it takes a second, which only those who call the provider should spend
    import openai
    from openai.types import CompletionUsage
    from openai.types.chat import ChatCompletionChunk

TIMEOUT_S = 20.0
MAX_OUTPUT_TOKENS = 1024
MOST_TOKENS = 10_000_000  # more than any model reads; a larger count is a mistake
OPENAI_ITSELF = "api.openai.com"


@dataclass(slots=True)
class Spending:
    """What a call cost: filled in while its parts are read."""

    cost_usd: Decimal = Decimal(0)
    reservation_id: UUID | None = None
    masked_kinds: tuple[str, ...] = ()


def ask_provider(
    question: str,
    passages: Sequence[PackedPassage],
    *,
    policy: ChatPolicy,
    asker: Asker,
    spending: Spending,
    deadline_s: float,
    cancelled: Callable[[], bool] = lambda: False,
) -> Generator[GenerationPart, None, None]:
    """Stream the provider's answer. Raises `FallbackUnavailable` (nothing was sent), `FallbackFailed`,
    `GenerationCancelled`; whatever happens, the reservation is closed."""
    client = _client(min(TIMEOUT_S, deadline_s))
    mask = _mask([question, *(text for passage in passages for text in (passage.name, passage.text))])
    spending.masked_kinds = mask.kinds
    messages = _masked_messages(mask, passages, policy.system_prompt)
    price, reservation = _reserve(messages, policy.fallback_model, asker, ttl_s=deadline_s + 60)
    spending.reservation_id = reservation.id
    call = _Call(policy.fallback_model, price)
    try:
        give_back_connection()  # the provider may take its time; the connection serves others meanwhile
        yield from call.stream(client, messages, mask, deadline_s, cancelled)
    finally:
        spending.cost_usd = call.close(reservation.id)


class _Call:
    """One call: streams, and knows in the end what may have been charged."""

    def __init__(self, model: str, price: pricing.Price) -> None:
        self.model = model
        self.price = price
        self.usage: Usage | None = None
        self.certainly_free = False

    def stream(
        self,
        client: openai.OpenAI,
        messages: Sequence[Message],
        mask: EgressMask,
        deadline_s: float,
        cancelled: Callable[[], bool],
    ) -> Iterator[GenerationPart]:
        started = time.monotonic()
        unmasker = mask.unmasker()
        said: list[str] = []
        first_ms = 0.0
        finish = ""
        for chunk in self._chunks(client, messages, started + deadline_s, cancelled):
            piece, ended = _read(chunk)
            finish = ended or finish
            if finish and chunk.usage is not None:  # some count as they go: before the end that is not all
                self.usage = _usage_of(chunk.usage)
            if text := unmasker.feed(piece):
                first_ms = first_ms or (time.monotonic() - started) * 1000
                said.append(text)
                yield Delta(text)
        if rest := unmasker.flush():
            said.append(rest)
            yield Delta(rest)
        if not finish:
            raise FallbackFailed("interrupted", "the provider's stream ended before its end")
        yield GenerationResult(
            text="".join(said),
            finish_reason="length" if finish == "length" else "stop",
            usage=self.usage or Usage(0, 0),
            model=self.model,
            adapter="",
            adapter_digest="",
            queue_ms=0.0,
            time_to_first_token_ms=first_ms,
            generate_ms=(time.monotonic() - started) * 1000,
        )

    def close(self, reservation_id: UUID) -> Decimal:
        """Settle on what was used; at the maximum where the provider did not tell; free what was never processed."""
        if self.certainly_free:
            budgets.release(reservation_id)
            return Decimal(0)
        cost = None
        if self.usage is not None:
            cost = self.price.cost_usd(self.usage.input_tokens, self.usage.output_tokens)
        return budgets.settle(reservation_id, cost_usd=cost)

    def _chunks(
        self, client: openai.OpenAI, messages: Sequence[Message], until: float, cancelled: Callable[[], bool]
    ) -> Generator[ChatCompletionChunk, None, None]:
        """The provider's stream, its errors as `FallbackFailed`. An address where nothing listens and a refusal by
        status charged nothing; after that the provider may have."""
        import openai

        try:
            with client.chat.completions.create(**_arguments(self.model, messages)) as stream:
                for chunk in stream:
                    if cancelled():
                        raise GenerationCancelled("whoever asked went away")
                    if time.monotonic() > until:
                        raise FallbackFailed("timeout", "the provider took longer than the deadline")
                    yield chunk
        except openai.APITimeoutError as exc:
            raise FallbackFailed("timeout", str(exc)) from exc
        except openai.APIConnectionError as exc:
            self.certainly_free = _never_connected(exc)
            raise FallbackFailed("unreachable" if self.certainly_free else "interrupted", str(exc)) from exc
        except openai.APIStatusError as exc:
            self.certainly_free = exc.status_code < 500
            raise FallbackFailed(_reason_of(exc), f"HTTP {exc.status_code}") from exc
        except httpx2.TimeoutException as exc:
            raise FallbackFailed("timeout", type(exc).__name__) from exc
        except httpx2.HTTPError as exc:
            raise FallbackFailed("interrupted", type(exc).__name__) from exc
        except (openai.OpenAIError, ValueError, AttributeError, TypeError) as exc:
            raise FallbackFailed("malformed", type(exc).__name__) from exc


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


def _client(timeout_s: float) -> openai.OpenAI:
    import openai

    key = settings.OPENAI_API_KEY
    if not key and OPENAI_ITSELF in settings.OPENAI_BASE_URL:
        raise FallbackFailed("unconfigured", "OPENAI_API_KEY is not set")
    return openai.OpenAI(api_key=key or "none", base_url=settings.OPENAI_BASE_URL, timeout=timeout_s, max_retries=0)


def _mask(texts: Sequence[str]) -> EgressMask:
    try:
        return mask_for_egress(texts)
    except PersonalDataLeft as exc:
        raise FallbackFailed("personal_data", str(exc)) from exc


def _masked_messages(mask: EgressMask, passages: Sequence[PackedPassage], system_prompt: str) -> tuple[Message, ...]:
    question, *texts = mask.texts
    masked = [
        PackedPassage(passage.number, texts[2 * index], texts[2 * index + 1]) for index, passage in enumerate(passages)
    ]
    return build_messages(question, masked, system_prompt=system_prompt)


def _reserve(
    messages: Sequence[Message], model: str, asker: Asker, *, ttl_s: float
) -> tuple[pricing.Price, budgets.Reservation]:
    """The price, which holds until the call is settled, and the money for the most that the call can cost."""
    prompt_bytes = sum(len(message.content.encode()) for message in messages)
    try:
        price = pricing.price_of(model)
        return price, budgets.reserve(
            tenant=settings.PRIMARY_TENANT_ID,
            max_cost_usd=price.max_cost_usd(prompt_bytes, MAX_OUTPUT_TOKENS),
            user_id=asker.user_id,
            key_id=asker.key_id,
            groups=asker.groups,
            ttl_s=ttl_s,
        )
    except BudgetRefused as exc:
        raise FallbackUnavailable(Paid.BUDGET_SPENT) from exc


def _arguments(model: str, messages: Sequence[Message]) -> dict[str, Any]:
    """Newer OpenAI models know only `max_completion_tokens` and no temperature; compatible servers only the older."""
    arguments: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if model.startswith(("o1", "o3", "o4", "gpt-5")):
        return arguments | {"max_completion_tokens": MAX_OUTPUT_TOKENS}
    return arguments | {"max_tokens": MAX_OUTPUT_TOKENS, "temperature": 0}


def _never_connected(exc: openai.APIConnectionError) -> bool:
    return isinstance(exc.__cause__, httpx2.ConnectError | httpx2.UnsupportedProtocol)


def _reason_of(exc: openai.APIStatusError) -> str:
    if exc.status_code == 429:
        return "quota"
    return "server_error" if exc.status_code >= 500 else "refused"
