"""One request on its way through queue and worker, from prompt tokens to parts. Knows no queue and no swap."""

from __future__ import annotations

import math
import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from inference.backends.batching import Batch
from inference.backends.decoding import Sampling, Token, decode, prefilled
from inference.backends.forward import Forward
from inference.backends.pointing import point
from inference.backends.prefixes import PrefixCache
from inference.backends.text_stream import TextStream
from inference.engine import (
    Delta,
    GenerationPart,
    GenerationRequest,
    GenerationResult,
    Pointing,
    ServedAdapter,
    Usage,
    Waiting,
)
from inference.exceptions import DeadlineExceeded, GenerationCancelled

POLL_S = 0.05  # how often a waiting caller looks whether whoever asked is still there
SIGN_OF_LIFE_S = 1.0
_ASSUMED_WINDOW = 4096


@dataclass(frozen=True, slots=True)
class Served:
    """What answers now: `forward`, whose model carries `adapter` or is the base itself."""

    forward: Forward
    tokenizer: Any
    name: str
    adapter: ServedAdapter | None = None
    prefixes: PrefixCache | None = None
    batch: Batch | None = None
    alone: threading.Lock = field(default_factory=threading.Lock)
    """Held by whom the batch does not take: sampling by seed and penalties are decoded one at a time."""

    @property
    def model(self) -> Any:
        return self.forward.model

    @property
    def window(self) -> int:
        """Tokens of prompt and answer together."""
        return int(getattr(self.model.config, "max_position_embeddings", _ASSUMED_WINDOW))

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end an answer: some models have several."""
        configured = self.model.generation_config.eos_token_id
        ids = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in [*ids, self.tokenizer.eos_token_id] if token is not None)


@dataclass(slots=True)
class Job:
    """A request, its prompt and the parts the worker has made of it so far; the caller reads them with `parts_of`."""

    request: GenerationRequest
    prompt: list[int]
    prefix_tokens: int = 0
    queued_at: float = field(default_factory=time.monotonic)
    stage: Literal["queued", "prefill"] = "queued"
    parts: queue.SimpleQueue[GenerationPart | Exception] = field(default_factory=queue.SimpleQueue)
    abandoned: threading.Event = field(default_factory=threading.Event)

    @property
    def cost_tokens(self) -> int:
        return len(self.prompt) + self.request.max_new_tokens

    def check(self) -> None:
        """Raises where going on would serve nobody."""
        if self.abandoned.is_set():
            raise GenerationCancelled("whoever asked went away")
        if time.monotonic() - self.queued_at > self.request.deadline_s:
            raise DeadlineExceeded(f"no complete answer within {self.request.deadline_s:.0f} s")


def parts_of(job: Job, cancelled: Callable[[], bool]) -> Iterator[GenerationPart]:
    """The parts as the worker makes them, `Waiting` about once a second while there are none."""
    shown_at = time.monotonic()
    while True:
        if cancelled():
            raise GenerationCancelled("whoever asked went away")
        try:
            part = job.parts.get(timeout=POLL_S)
        except queue.Empty:
            job.check()
            if time.monotonic() - shown_at < SIGN_OF_LIFE_S:
                continue
            part = Waiting(job.stage)
        if isinstance(part, Exception):
            raise part
        shown_at = time.monotonic()
        yield part
        if isinstance(part, GenerationResult):
            return


def answer(job: Job, served: Served) -> Iterator[GenerationPart]:
    """Decode `job` with what is `served`: deltas of final text, then the result."""
    if job.request.pointing is not None:
        yield from _pointed(job, served, job.request.pointing)
        return
    started = time.monotonic()
    stream = TextStream(_text_of(served.tokenizer), job.request.stop)
    logprobs: list[float] = []
    first_at: float | None = None
    complete = False
    end_ids = served.end_ids
    for token in _tokens(job, served, end_ids):
        first_at = first_at or time.monotonic()
        logprobs.append(token.logprob)
        complete = token.id in end_ids
        if not complete and (text := stream.feed(token.id)):
            yield Delta(text)
        if complete or stream.stopped:
            break
    if rest := stream.flush():
        yield Delta(rest)
    now = time.monotonic()
    yield GenerationResult(
        text=stream.text,
        finish_reason="stop" if complete or stream.stopped else "length",
        usage=Usage(len(job.prompt), len(logprobs)),
        model=served.name,
        adapter=served.adapter.name if served.adapter else "",
        adapter_digest=served.adapter.digest if served.adapter else "",
        queue_ms=(started - job.queued_at) * 1000,
        time_to_first_token_ms=((first_at or now) - job.queued_at) * 1000,
        generate_ms=(now - started) * 1000,
        mean_logprob=math.fsum(logprobs) / len(logprobs) if logprobs else None,
        min_logprob=min(logprobs, default=None),
    )


def _tokens(job: Job, served: Served, end_ids: frozenset[int]) -> Iterator[Token]:
    request = job.request
    sampling = Sampling(request.temperature, request.top_p, request.repetition_penalty, request.seed)
    if served.batch is not None and sampling.is_plain:
        return served.batch.tokens(job.prompt, max_new_tokens=request.max_new_tokens, end_ids=end_ids, check=job.check)
    return _tokens_alone(job, served, end_ids, sampling)


def _tokens_alone(job: Job, served: Served, end_ids: frozenset[int], sampling: Sampling) -> Iterator[Token]:
    while not served.alone.acquire(timeout=POLL_S):
        job.check()
    try:
        yield from decode(
            served.forward,
            job.prompt,
            sampling=sampling,
            max_new_tokens=job.request.max_new_tokens,
            end_ids=end_ids,
            check=job.check,
            prefix_tokens=job.prefix_tokens,
            prefixes=served.prefixes,
        )
    finally:
        served.alone.release()


def _pointed(job: Job, served: Served, pointing: Pointing) -> Iterator[GenerationPart]:
    """Tell which excerpts of the request's texts are likely the answer."""
    started = time.monotonic()
    while not served.alone.acquire(timeout=POLL_S):
        job.check()
    try:
        capacity = len(job.prompt) + job.request.max_new_tokens
        cache, logits = prefilled(
            served.forward, job.prompt, capacity, job.check, prefix_tokens=job.prefix_tokens, prefixes=served.prefixes
        )
        excerpts = point(served.forward, served.tokenizer, logits, cache, pointing, job.check)
    finally:
        served.alone.release()
    now = time.monotonic()
    yield GenerationResult(
        text="",
        finish_reason="stop",
        usage=Usage(len(job.prompt), 0),
        model=served.name,
        adapter=served.adapter.name if served.adapter else "",
        adapter_digest=served.adapter.digest if served.adapter else "",
        queue_ms=(started - job.queued_at) * 1000,
        time_to_first_token_ms=(now - job.queued_at) * 1000,
        generate_ms=(now - started) * 1000,
        excerpts=tuple(excerpts),
    )


def _text_of(tokenizer: Any) -> Callable[[Any], str]:
    def text_of(ids: Any) -> str:
        text: str = tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    return text_of
