"""How fast the in-process engine writes, for one client and on prompts of a real search: beside transformers' own
`generate` in the same precision, and llama.cpp on the same weights in its fastest format (Q4_0), prompt by prompt.

`same length`: every way writes 64 tokens after each prompt, whatever they say; the adapter folded in is AION's own
variant. `answers`: with the adapter, to the answer's own end; here drafts (n-gram lookups, checked in one pass) show
what they save, since forced to go on a text repeats itself, which flatters them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import torch
from transformers import GenerationConfig
from transformers.generation.streamers import BaseStreamer

from benchmarks.engines import adapter_in
from benchmarks.lines import Line, beside, skipped
from benchmarks.llama import LlamaPeer, is_usable, llama_peer
from benchmarks.options import Options
from benchmarks.prompts import prompts_of
from benchmarks.questions import examined, installed_demo, say
from inference.backends.decoding import DRAFT_TOKENS, Sampling, decode
from inference.backends.generation import Served
from inference.backends.lora import attach_adapter
from inference.backends.model_loading import load_model, load_tokenizer
from inference.backends.prompting import prompt_ids
from inference.base_models import base_model_path, base_sha256
from inference.bundled import BUNDLED_NAME

ASKED = 16
SAME_LENGTH_TOKENS = 64
LONGEST_ANSWER_TOKENS = 96
OURS, PLAIN, LLAMA = "AION", "transformers generate", "llama.cpp Q4_0"
FOLDED, UNDRAFTED = "AION with the adapter folded in", "AION without drafts"


@dataclass(frozen=True, slots=True)
class Run:
    """One generation: seconds to the first token, from there to the last, and the tokens themselves where known."""

    first_s: float
    rest_s: float
    count: int
    ids: tuple[int, ...] = ()

    @property
    def seconds(self) -> float:
        return self.first_s + self.rest_s


Way = Callable[[list[int]], Run]


def measure(options: Options) -> Iterator[Line]:
    """All ways at one length, then whole answers."""
    with installed_demo() as demo:
        prompts = list(prompts_of(examined(demo.questions, options.limit or ASKED), demo.collection))
    say("loading the model")
    folder = base_model_path()
    base = Served(load_model(folder), load_tokenizer(folder), BUNDLED_NAME)
    adapter = adapter_in(options.adapter)
    folded = Served(attach_adapter(base.model, base_sha256(folder), adapter), base.tokenizer, BUNDLED_NAME, adapter)
    ids = [prompt_ids(base.tokenizer, prompt) for prompt in prompts]
    yield from _same_length(base, folded, ids, options)
    yield from _answers(folded, ids)


def _same_length(base: Served, folded: Served, prompts: Sequence[list[int]], options: Options) -> Iterator[Line]:
    compares = is_usable(options.llama)
    if not compares:
        yield skipped(LLAMA, "it does not run here: `make bench-engine` compiles it, which takes a C++ compiler")
    with llama_peer(options.llama) if compares else nullcontext() as peer:
        ways = {
            OURS: lambda ids: _decoded(base, ids, SAME_LENGTH_TOKENS, drafts=0, ends=False),
            FOLDED: lambda ids: _decoded(folded, ids, SAME_LENGTH_TOKENS, drafts=0, ends=False),
            PLAIN: lambda ids: _generated(base, ids, SAME_LENGTH_TOKENS, ends=False),
        }
        if peer is not None:
            ways[LLAMA] = lambda ids: _by_llama(peer, ids)
        runs = _in_turn(ways, prompts)
    figures = {
        "time_to_first_token_ms": lambda runs: median(run.first_s for run in runs) * 1000,
        "decode_tokens_per_s": lambda runs: sum(run.count - 1 for run in runs) / sum(run.rest_s for run in runs),
    }
    yield from _lines("same length", figures, runs, base, prompts)


def _answers(served: Served, prompts: Sequence[list[int]]) -> Iterator[Line]:
    ways = {
        OURS: lambda ids: _decoded(served, ids, LONGEST_ANSWER_TOKENS, drafts=DRAFT_TOKENS, ends=True),
        UNDRAFTED: lambda ids: _decoded(served, ids, LONGEST_ANSWER_TOKENS, drafts=0, ends=True),
        PLAIN: lambda ids: _generated(served, ids, LONGEST_ANSWER_TOKENS, ends=True),
    }
    runs = _in_turn(ways, prompts)
    figures = {
        "seconds_per_answer": lambda runs: fmean(run.seconds for run in runs),
        "tokens_per_answer": lambda runs: fmean(run.count for run in runs),
    }
    yield from _lines("answers", figures, runs, served, prompts)
    same = fmean(ours.ids == plain.ids for ours, plain in zip(runs[OURS], runs[PLAIN], strict=True))
    yield Line("answers", "same_tokens_as_generate", same, conditions={"n": len(prompts)})


def _in_turn(ways: Mapping[str, Way], prompts: Sequence[list[int]]) -> dict[str, list[Run]]:
    """Every way at each prompt before the next: a noisy machine disturbs all alike."""
    for way in ways.values():
        way(prompts[0])  # warm
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for number, ids in enumerate(prompts, start=1):
        say(f"engine: prompt {number} of {len(prompts)}, {len(ids)} tokens")
        for name, way in ways.items():
            runs[name].append(way(ids))
    return runs


def _lines(
    case: str,
    figures: Mapping[str, Callable[[Sequence[Run]], float]],
    runs: Mapping[str, Sequence[Run]],
    served: Served,
    prompts: Sequence[list[int]],
) -> Iterator[Line]:
    about: dict[str, object] = {"n": len(prompts), "prompt_tokens": round(fmean(map(len, prompts)))}
    about |= {"dtype": str(served.model.dtype).removeprefix("torch."), "threads": torch.get_num_threads()}
    for metric, figure in figures.items():
        values = {name: figure(own) for name, own in runs.items()}
        yield from beside(case, metric, values.pop(OURS), values, **about)


# --- ways ----------------------------------------------------------------------------------------------------------
def _decoded(served: Served, prompt: list[int], tokens: int, *, drafts: int, ends: bool) -> Run:
    """By AION's own loop."""
    clock = _Clock()
    produced = decode(
        served.model,
        prompt,
        sampling=Sampling(),
        max_new_tokens=tokens,
        end_ids=served.end_ids if ends else (),
        check=lambda: None,
        draft_tokens=drafts,
    )
    return clock.run(tuple(clock.stamped(token.id) for token in produced))


def _generated(served: Served, prompt: list[int], tokens: int, *, ends: bool) -> Run:
    """By transformers."""
    clock = _Clock()
    config = GenerationConfig(
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=sorted(served.end_ids) if ends else None,
        pad_token_id=served.tokenizer.pad_token_id,
    )
    output = served.model.generate(
        input_ids=torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        generation_config=config,
        streamer=_Stamps(clock),
    )
    return clock.run(tuple(output[0, len(prompt) :].tolist()))


def _by_llama(peer: LlamaPeer, prompt: list[int]) -> Run:
    first_s, rest_s = peer.generate(prompt, SAME_LENGTH_TOKENS)
    return Run(first_s, rest_s, SAME_LENGTH_TOKENS)


@dataclass(slots=True)
class _Clock:
    """When a generation began, gave its first token and its last."""

    began: float = field(default_factory=time.perf_counter)
    first: float | None = None
    last: float = 0.0

    def stamped(self, token: int) -> int:
        self.last = time.perf_counter()
        self.first = self.first or self.last
        return token

    def run(self, ids: tuple[int, ...]) -> Run:
        first = self.first or self.last
        return Run(first - self.began, self.last - first, len(ids), ids)


class _Stamps(BaseStreamer):  # type: ignore[misc]  # transformers is not followed
    """What `generate` calls: with the prompt, then with each token."""

    def __init__(self, clock: _Clock) -> None:
        self._clock = clock
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        if self._prompt_seen:
            self._clock.stamped(0)
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing is left to do."""
