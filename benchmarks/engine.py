"""How fast the in-process engine answers, for one client: prompts of a real search, the served adapter, greedy, each
answer to its own end. Beside it transformers' own `generate` in the same precision, and llama.cpp on the same weights
in three formats, prompt by prompt, each way as it comes: AION keeps the instructions' keys and values and checks drafts
(n-gram lookups) in one pass, llama.cpp keeps what a prompt begins with like the one before.

Quantised weights say other things at other length, so `tokens_per_answer` stands beside the seconds. `unmerged` has the
adapter's matrices beside the model's instead of folded in. `first token` is a new process, from its start."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch
from peft import PeftModel
from transformers import GenerationConfig
from transformers.generation.streamers import BaseStreamer

from benchmarks.engines import adapter_in
from benchmarks.gguf_weights import write_gguf
from benchmarks.lines import Line, beside, skipped
from benchmarks.llama import FORMATS, bundled_gguf, is_usable, llama_peer
from benchmarks.options import Options, spread
from benchmarks.prompts import prompts_of
from benchmarks.questions import examined, installed_sets, missing_sets, say
from inference.backends.decoding import DRAFT_TOKENS, Sampling, decode
from inference.backends.forward import ModelForward, forward_of
from inference.backends.generation import Served
from inference.backends.lora import attach_adapter
from inference.backends.model_loading import load_model, load_tokenizer, share_weights
from inference.backends.prefixes import PrefixCache
from inference.backends.prompting import prefix_length, prompt_ids
from inference.base_models import base_model_path, base_sha256
from inference.bundled import BUNDLED_NAME

ASKED = 40
COMPARED_IN_FP32 = 10
LONGEST_ANSWER_TOKENS = 96
COLD_STARTS = 3
OURS, PLAIN = "AION", "transformers generate"
UNDRAFTED, UNKEPT = "AION without drafts", "AION without the kept beginning"
UNFUSED = "AION through the model's own forward"
FIRST_TOKEN = Path(__file__).with_name("first_token.py")


@dataclass(frozen=True, slots=True)
class Prompt:
    """Its tokens, of which the first `prefix_tokens` are the instructions."""

    ids: list[int]
    prefix_tokens: int


@dataclass(frozen=True, slots=True)
class Run:
    """One generation: seconds to the first token, from there to the last, and the tokens themselves."""

    first_s: float
    rest_s: float
    ids: tuple[int, ...]

    @property
    def seconds(self) -> float:
        return self.first_s + self.rest_s


Way = Callable[[Prompt], Run]
FIGURES: Mapping[str, Callable[[Sequence[Run]], float]] = {
    "seconds_per_answer": lambda runs: fmean(run.seconds for run in runs),
    "tokens_per_answer": lambda runs: fmean(len(run.ids) for run in runs),
    "time_to_first_token_ms": lambda runs: median(run.first_s for run in runs) * 1000,
    "decode_tokens_per_s": lambda runs: sum(len(run.ids) - 1 for run in runs) / sum(run.rest_s for run in runs),
}


def measure(options: Options) -> Iterator[Line]:
    """Whole answers in every way, whether they are the same, and a cold start."""
    wanted = "faquad" if options.data else "demo"
    yield from missing_sets(options, "faquad")
    say("loading the model")
    folder = base_model_path()
    base = Served(forward_of(load_model(folder)), load_tokenizer(folder), BUNDLED_NAME)
    adapter = adapter_in(options.adapter)
    carrying = forward_of(attach_adapter(base.model, base_sha256(folder), adapter))
    folded = Served(carrying, base.tokenizer, BUNDLED_NAME, adapter)
    with installed_sets(options, wanted) as sets:
        asked = examined(sets[wanted].questions, options.limit or ASKED)
        prompts = [_tokens_of(base, messages) for messages in prompts_of(asked, sets[wanted].collection)]
    yield from _answers(wanted, folded, prompts, options)
    beside_base = PeftModel.from_pretrained(share_weights(base.model), options.adapter).eval()
    yield from _unmerged(wanted, Served(forward_of(beside_base), base.tokenizer, BUNDLED_NAME, adapter), prompts)
    in_fp32 = attach_adapter(load_model(folder, dtype=torch.float32), base_sha256(folder), adapter)
    yield from _sameness(folded, replace(folded, forward=forward_of(in_fp32)), prompts)
    yield from _cold_start(options)


def _tokens_of(served: Served, messages: Any) -> Prompt:
    ids = prompt_ids(served.tokenizer, messages)
    return Prompt(ids, prefix_length(served.tokenizer, messages, ids))


def _answers(name: str, served: Served, prompts: Sequence[Prompt], options: Options) -> Iterator[Line]:
    prefixes, kept_by_model = PrefixCache(), PrefixCache()
    unfused = replace(served, forward=ModelForward(served.model))
    ways: dict[str, Way] = {
        OURS: lambda prompt: _decoded(served, prompt, prefixes=prefixes),
        UNKEPT: lambda prompt: _decoded(served, prompt),
        UNFUSED: lambda prompt: _decoded(unfused, prompt, prefixes=kept_by_model),
        UNDRAFTED: lambda prompt: _decoded(served, prompt, prefixes=prefixes, drafts=0),
        PLAIN: lambda prompt: _generated(served, prompt),
    }
    if not is_usable(options.llama):
        yield skipped("llama.cpp", "it does not run here: `make bench-engine` compiles it, which takes a C++ compiler")
        yield from _lines(name, _in_turn(ways, prompts), served, prompts)
        return
    with _llama_ways(served, options) as peers:
        runs = _in_turn(ways | peers, prompts)
    yield from _lines(name, runs, served, prompts)
    best = min(peers, key=lambda way: FIGURES["seconds_per_answer"](runs[way]))
    seconds = {way: FIGURES["seconds_per_answer"](runs[way]) for way in (OURS, best)}
    yield from beside(
        name, "seconds_per_answer, llama.cpp's best", seconds[OURS], {best: seconds[best]}, n=len(prompts)
    )


@contextmanager
def _llama_ways(served: Served, options: Options) -> Iterator[dict[str, Way]]:
    """llama.cpp in each format, on the very weights that are `served`."""

    def way(peer: Any) -> Way:
        return lambda prompt: _by_llama(peer.generate(prompt.ids, LONGEST_ANSWER_TOKENS, served.end_ids))

    with tempfile.TemporaryDirectory(prefix="aion-bench-") as folder, ExitStack() as peers:
        weights = Path(folder) / "served.gguf"
        write_gguf(served.model, bundled_gguf(), weights)
        yield {
            f"llama.cpp {quantisation}": way(peers.enter_context(llama_peer(options.llama, weights, quantisation)))
            for quantisation in FORMATS
        }


def _unmerged(name: str, served: Served, prompts: Sequence[Prompt]) -> Iterator[Line]:
    prefixes = PrefixCache()
    ways: dict[str, Way] = {
        OURS: lambda prompt: _decoded(served, prompt, prefixes=prefixes),
        PLAIN: lambda prompt: _generated(served, prompt),
    }
    yield from _lines(f"{name}, unmerged", _in_turn(ways, prompts), served, prompts)


def _sameness(served: Served, in_fp32: Served, prompts: Sequence[Prompt]) -> Iterator[Line]:
    """Whether drafts and what is kept change an answer: exactly where rounding allows it, in fp32; in bf16 beside the
    same path without anything kept."""
    kept = PrefixCache()
    compared = spread(prompts, COMPARED_IN_FP32)
    pairs = [(_decoded(in_fp32, prompt, prefixes=kept), _generated(in_fp32, prompt)) for prompt in compared]
    yield Line("float32", "same_tokens_as_generate", _share_of_same(pairs), conditions={"n": len(pairs)})
    prefixes = PrefixCache()
    alone = [_decoded(served, prompt, prefixes=PrefixCache()) for prompt in prompts]
    in_a_row = [_decoded(served, prompt, prefixes=prefixes) for prompt in prompts]
    share = _share_of_same(list(zip(alone, in_a_row, strict=True)))
    yield Line(_precision(served), "same_tokens_as_alone", share, conditions={"n": len(prompts)})
    plain = [_generated(served, prompt) for prompt in prompts]
    share = _share_of_same(list(zip(alone, plain, strict=True)))
    yield Line(_precision(served), "same_tokens_as_generate", share, conditions={"n": len(prompts)})


def _share_of_same(pairs: Sequence[tuple[Run, Run]]) -> float:
    return fmean(one.ids == other.ids for one, other in pairs)


def _cold_start(options: Options) -> Iterator[Line]:
    """A process that imports, loads the bundled model and the adapter, and writes one token."""
    nobody = "9"  # a port where no other AION is asked instead
    environment = os.environ | {"AION_ADAPTER_DIR": str(options.adapter.resolve()), "AION_PORT": nobody}
    seconds, sizes = [], []
    for number in range(COLD_STARTS):
        say(f"engine: cold start {number + 1} of {COLD_STARTS}")
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(FIRST_TOKEN)], env=environment, capture_output=True, text=True, check=True
        )
        seconds.append(time.perf_counter() - started)
        sizes.append(json.loads(done.stdout.splitlines()[-1])["rss_mb"])
    yield Line("first token", "cold_start_s", median(seconds), conditions={"n": COLD_STARTS})
    yield Line("first token", "memory_mb", median(sizes), conditions={"n": COLD_STARTS})


def _in_turn(ways: Mapping[str, Way], prompts: Sequence[Prompt]) -> dict[str, list[Run]]:
    """Every way at each prompt before the next: a noisy machine disturbs all alike."""
    for way in ways.values():
        way(prompts[0])  # warm
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for number, prompt in enumerate(prompts, start=1):
        say(f"engine: prompt {number} of {len(prompts)}, {len(prompt.ids)} tokens")
        for name, way in ways.items():
            runs[name].append(way(prompt))
    return runs


def _lines(case: str, runs: Mapping[str, Sequence[Run]], served: Served, prompts: Sequence[Prompt]) -> Iterator[Line]:
    about: dict[str, object] = {"n": len(prompts), "prompt_tokens": round(fmean(len(prompt.ids) for prompt in prompts))}
    about |= {"of_them_kept": prompts[0].prefix_tokens, "dtype": _precision(served), "threads": torch.get_num_threads()}
    for metric, figure in FIGURES.items():
        values = {name: figure(own) for name, own in runs.items()}
        yield from beside(case, metric, values.pop(OURS), values, **about)


def _precision(served: Served) -> str:
    return str(served.model.dtype).removeprefix("torch.")


# --- ways ----------------------------------------------------------------------------------------------------------
def _decoded(served: Served, prompt: Prompt, *, prefixes: PrefixCache | None = None, drafts: int = DRAFT_TOKENS) -> Run:
    """By AION's own loop."""
    clock = _Clock()
    produced = decode(
        served.forward,
        prompt.ids,
        sampling=Sampling(),
        max_new_tokens=LONGEST_ANSWER_TOKENS,
        end_ids=served.end_ids,
        check=lambda: None,
        draft_tokens=drafts,
        prefix_tokens=prompt.prefix_tokens,
        prefixes=prefixes,
    )
    return clock.run(tuple(clock.stamped(token.id) for token in produced))


def _generated(served: Served, prompt: Prompt) -> Run:
    """By transformers."""
    clock = _Clock()
    config = GenerationConfig(
        max_new_tokens=LONGEST_ANSWER_TOKENS,
        do_sample=False,
        eos_token_id=sorted(served.end_ids),
        pad_token_id=served.tokenizer.pad_token_id,
    )
    output = served.model.generate(
        input_ids=torch.tensor([prompt.ids]),
        attention_mask=torch.ones(1, len(prompt.ids), dtype=torch.long),
        generation_config=config,
        streamer=_Stamps(clock),
    )
    return clock.run(tuple(output[0, len(prompt.ids) :].tolist()))


def _by_llama(answer: Mapping[str, Any]) -> Run:
    return Run(answer["first_s"], answer["rest_s"], tuple(answer["ids"]))


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
        return Run(first - self.began, self.last - first, ids)


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
