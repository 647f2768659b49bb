"""What AION bears: questions over HTTP to a running server with the real model, each searched, written, checked and
recorded (it quotes nothing), beside transformers' plain `generate` behind a lock, which does nothing but write.

`N clients`: each asks again as soon as it is answered. `three times capacity`: questions come at random times, whether
or not earlier ones are answered, three times as many as four clients get answered; 30 % hang up, a third each while
queued, prefilling and streaming. What those had been given by then took the model's time too: `used_share` counts it.
`hang-up`: from there until the model, or the place in its queue, is free."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from statistics import median
from typing import Any

import torch
from django.conf import settings
from transformers import GenerationConfig
from transformers.generation.streamers import BaseStreamer

from benchmarks.engines import adapter_in
from benchmarks.hang_ups import freed_after
from benchmarks.lines import Line, beside
from benchmarks.load_clients import STAGES, Asked, HangUp, Target, closed_loop, open_loop_and_health
from benchmarks.options import Options
from benchmarks.prompts import prompts_of
from benchmarks.questions import DEMO, examined, say
from benchmarks.served import LONGEST_ANSWER_TOKENS, Server, running_server
from chat.golden import read_golden
from inference.backends.forward import ModelForward
from inference.backends.generation import Served
from inference.backends.lora import attach_adapter
from inference.backends.model_loading import load_model, load_tokenizer
from inference.backends.prompting import prompt_ids
from inference.base_models import base_model_path, base_sha256
from inference.bundled import BUNDLED_NAME
from retrieval.ingestion import ingest
from retrieval.text import split_sentences

ASKED = 20
CLIENTS = (1, 4, 16)
CAPACITY_CLIENTS = 4
OVERLOAD = 3.0
OVERLOAD_S = 45.0
HANGING_UP = 0.3
HANG_UPS = 4
PEER = "generate behind a lock"
BARS = "the bar"


def measure(options: Options) -> Iterator[Line]:
    """Closed loops beside the peer, then overload, then single hang-ups."""
    golden = read_golden(DEMO / "golden.jsonl")
    asked = examined([question for question in golden.questions if not question.follows_up], options.limit or ASKED)
    say("reading the demo's documents")
    ingest([DEMO / "documents"], tenant=settings.PRIMARY_TENANT_ID)
    served = _served(options)
    prompts = [prompt_ids(served.tokenizer, prompt) for prompt in prompts_of(asked, "main")]
    with running_server([question.text for question in asked]) as server, _clients_process() as apart:
        say("warming up")
        apart(closed_loop, server.target, clients=CAPACITY_CLIENTS, questions=8)
        capacity = 0.0
        for clients in CLIENTS:
            say(f"load: {clients} clients")
            answers, seconds = apart(closed_loop, server.target, clients=clients, questions=len(asked))
            yield from _closed(clients, answers, seconds, _locked(served, prompts, clients))
            if clients == CAPACITY_CLIENTS:
                capacity = len(answers) / seconds
        yield from _overload(server, capacity, apart)
        yield from _hang_ups(server.target, apart)


@contextmanager
def _clients_process() -> Iterator[Callable[..., Any]]:
    """Calls a function in a process that has neither torch nor Django, so that measuring disturbs little."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as executor:
        yield lambda function, *values, **named: executor.submit(function, *values, **named).result()


# --- closed loop ---------------------------------------------------------------------------------------------------
def _closed(
    clients: int, answers: Sequence[Asked], seconds: float, peer: tuple[Sequence[float], float]
) -> Iterator[Line]:
    failed = [asked.error or str(asked.status) for asked in answers if not asked.is_done]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(answers)} questions were not answered: {failed[0]}")
    first_s = [asked.first_sentence_s or 0.0 for asked in answers]
    peer_first_s, peer_seconds = peer
    case = f"{clients} client{'s' if clients > 1 else ''}"
    per_s = {PEER: len(peer_first_s) / peer_seconds}
    yield from beside(case, "answers_per_s", len(answers) / seconds, per_s, n=len(answers))
    for share, name in ((0.5, "p50"), (0.95, "p95")):
        metric = f"first_sentence_{name}_ms"
        yield from beside(case, metric, _ms(first_s, share), {PEER: _ms(peer_first_s, share)}, n=len(answers))


def _served(options: Options) -> Served:
    """The peer's model: the same weights with the same adapter folded in."""
    say("loading the model")
    folder = base_model_path()
    base = load_model(folder)
    adapter = adapter_in(options.adapter)
    carrying = ModelForward(attach_adapter(base, base_sha256(folder), adapter))
    return Served(carrying, load_tokenizer(folder), BUNDLED_NAME, adapter)


def _locked(served: Served, prompts: Sequence[list[int]], clients: int) -> tuple[list[float], float]:
    """Seconds to the first sentence of each answer where `clients` wait in turn for the model; and of all together."""
    first_s, waiting = list[float](), iter(prompts)
    with ThreadPoolExecutor(1) as lock, ThreadPoolExecutor(clients) as asking:  # a lock that is fair

        def keep_asking() -> None:
            for prompt in waiting:
                sent_at = time.perf_counter()
                first_s.append(lock.submit(_first_sentence_at, served, prompt).result() - sent_at)

        began = time.perf_counter()
        for client in [asking.submit(keep_asking) for _ in range(clients)]:
            client.result()
        return first_s, time.perf_counter() - began


def _first_sentence_at(served: Served, prompt: list[int]) -> float:
    """Generate the whole answer; when its first sentence stood."""
    config = GenerationConfig(
        max_new_tokens=LONGEST_ANSWER_TOKENS,
        do_sample=False,
        eos_token_id=sorted(served.end_ids),
        pad_token_id=served.tokenizer.pad_token_id,
    )
    watch = _SentenceWatch(served.tokenizer)
    served.model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        generation_config=config,
        streamer=watch,
    )
    return watch.first_at


class _SentenceWatch(BaseStreamer):  # type: ignore[misc]  # transformers is not followed
    """Notes when the first sentence is whole: another has begun, or the text ended."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] | None = None
        self.first_at = 0.0

    def put(self, value: Any) -> None:
        if self._ids is None:  # the prompt comes first
            self._ids = []
            return
        self._ids += value.flatten().tolist()
        if not self.first_at and len(split_sentences(self._tokenizer.decode(self._ids, skip_special_tokens=True))) > 1:
            self.first_at = time.perf_counter()

    def end(self) -> None:
        self.first_at = self.first_at or time.perf_counter()


# --- overload ------------------------------------------------------------------------------------------------------
def _overload(server: Server, capacity: float, apart: Callable[..., Any]) -> Iterator[Line]:
    say(f"load: {OVERLOAD * capacity:.1f} questions a second")
    before_mb = server.memory_mb()
    answers, health_s, seconds = apart(
        open_loop_and_health, server.target, per_s=OVERLOAD * capacity, seconds=OVERLOAD_S, hanging_up=HANGING_UP
    )
    done = [asked for asked in answers if asked.is_done and not asked.hung_up]
    streamed = [asked for asked in answers if asked.hung_up and asked.first_sentence_s is not None]
    refused = [asked for asked in answers if asked.status == 503 and asked.retry_after]
    failed = [asked for asked in answers if asked not in done and asked not in refused and not asked.hung_up]
    case = "three times capacity"
    about = {"n": len(answers), "capacity_per_s": round(capacity, 2), "seconds": round(seconds)}
    yield from beside(case, "completed_share", len(done) / seconds / capacity, {BARS: 0.9}, **about)
    yield from beside(case, "used_share", (len(done) + len(streamed)) / seconds / capacity, {}, **about)
    yield from beside(case, "failed", float(len(failed)), {BARS: 0.0}, **about)
    yield from beside(case, "hung_up", float(sum(asked.hung_up for asked in answers)), {}, **about)
    refusals_s = [asked.end_s or 0.0 for asked in refused]
    for share, name in ((0.5, "p50"), (0.99, "p99")):
        yield from beside(
            case, f"refused_{name}_ms", _ms(refusals_s, share), {BARS: 50.0}, **about | {"n": len(refused)}
        )
    yield from beside(case, "health_p99_ms", _ms(health_s, 0.99), {BARS: 50.0}, **about | {"n": len(health_s)})
    yield from beside(case, "memory_mb", server.memory_mb(), {"before": before_mb}, **about)
    for asked in failed[:3]:
        say(f"failed: {asked.status} {asked.error}")


def _hang_ups(target: Target, apart: Callable[..., Any]) -> Iterator[Line]:
    for stage in STAGES:
        say(f"load: hanging up while {stage}")
        freed_s = [_freed(apart, target, stage) for _ in range(HANG_UPS)]
        yield from beside("hang-up", f"freed_{stage}_median_ms", median(freed_s) * 1000, {BARS: 300.0}, n=HANG_UPS)
        yield from beside("hang-up", f"freed_{stage}_max_ms", max(freed_s) * 1000, {BARS: 300.0}, n=HANG_UPS)


def _freed(apart: Callable[..., Any], target: Target, stage: HangUp) -> float:
    seconds: float = apart(freed_after, target, str(settings.AION_SERVICE_KEY), stage)
    return seconds


def _ms(seconds: Sequence[float], share: float) -> float | None:
    """A quantile, in milliseconds; None of nothing."""
    if not seconds:
        return None
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))] * 1000
