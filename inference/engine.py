"""The engine's contract: what a local model must do, in plain values. Knows nothing of torch, retrieval or HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. The first `constant` characters are those of other requests too: an engine may keep
    what it computed of them."""

    role: Literal["system", "user", "assistant"]
    content: str
    constant: int = 0


class Priority(StrEnum):
    """Chat goes before batch work in the queue."""

    CHAT = "chat"
    BATCH = "batch"


@dataclass(frozen=True, slots=True)
class Pointing:
    """Texts of which the answer is to be an excerpt, and what would be written after it (" [" of a citation)."""

    texts: tuple[str, ...]
    ending: str = " ["


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to generate. `temperature` 0 is greedy and repeatable. `deadline_s` counts from the call, queueing included.

    `stop` strings end the text and are not part of it. `context` etc. are already inside `messages`. With `pointing` an
    engine that can do so writes nothing and tells which excerpts are likely; another one writes as ever.
    """

    messages: tuple[Message, ...]
    max_new_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    stop: tuple[str, ...] = ()
    seed: int | None = None
    deadline_s: float = 60.0
    priority: Priority = Priority.CHAT
    pointing: Pointing | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The characters from `start` to `end` of the text at `text`, and the log-probability that they are the answer."""

    text: int
    start: int
    end: int
    logprob: float


@dataclass(frozen=True, slots=True)
class Delta:
    """Text that became final: never half a UTF-8 character, never part of a stop string."""

    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing to show yet: queued or prefilling. Sent about once a second so that a hang-up is noticed."""

    stage: Literal["queued", "prefill"]


@dataclass(frozen=True, slots=True)
class Usage:
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class GenerationResult:
    """The end of a generation. Log-probabilities are natural logs over the output tokens, `None` where unknown.

    `adapter_digest` is "" when the base model alone produced the text. `excerpts` are what was pointed at, best first.
    """

    text: str
    finish_reason: Literal["stop", "length"]
    usage: Usage
    model: str
    adapter: str
    adapter_digest: str
    queue_ms: float
    time_to_first_token_ms: float
    generate_ms: float
    mean_logprob: float | None = None
    min_logprob: float | None = None
    excerpts: tuple[Excerpt, ...] = ()


GenerationPart = Delta | Waiting | GenerationResult


class EngineState(StrEnum):
    UNLOADED = "unloaded"
    LOADING = "loading"
    READY = "ready"
    SWAPPING = "swapping"
    FAILED = "failed"
    UNREACHABLE = "unreachable"  # an external server that may come back


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What really serves now. `error` is the last problem worth telling (e.g. an adapter that could not be loaded).

    `retry_after_s` is 0 while the queue has room; `can_point` whether it answers a request with `pointing`.
    """

    state: EngineState
    base_model: str
    base_sha256: str = ""
    adapter: str = ""
    adapter_digest: str = ""
    merged: bool = False
    device: str = "cpu"
    dtype: str = ""
    queue_length: int = 0
    queued_tokens: int = 0
    retry_after_s: float = 0.0
    context_window: int = 0
    can_point: bool = False
    error: str = ""
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ServedAdapter:
    """Which adapter to serve: an immutable folder in the registry."""

    name: str
    digest: str
    path: str
    merged: bool = False


class Engine(Protocol):
    """A local language model. Methods are thread-safe; `generate` may raise `EngineBusy`, `DeadlineExceeded`,
    `GenerationCancelled`, `EngineUnavailable`, `GenerationFailed` (inference.exceptions), also while iterating."""

    def load(self) -> None:
        """Idempotent. Raises `ModelNotFound` or `GenerationFailed`."""

    def unload(self) -> None: ...

    def status(self) -> EngineStatus:
        """Answers at once, whatever the engine is doing."""

    def count_tokens(self, text: str) -> int: ...

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Iterator[GenerationPart]:
        """Yield `Waiting` and `Delta` parts and end with one `GenerationResult`. Closing the iterator cancels."""

    def serve_adapter(self, adapter: ServedAdapter | None) -> None:
        """Switch to `adapter` (None: base alone) between requests. Raises `AdapterRejected`; then nothing changed."""
