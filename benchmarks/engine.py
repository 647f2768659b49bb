"""Seconds per answer of the engine against plain `generate`: same weights, same prompts, greedy, one client.

    make bench-engine ARGS="PROMPTS [--adapter DIR] [--merged] [--limit N]"

PROMPTS is a heldout.jsonl of `manage.py build_adapter_dataset`. One JSON line a metric; `ratio` is peer / ours.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import TypeVar

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")

import django

django.setup()

from loaded_engine import add_adapter_arguments, case_of, loaded_engine  # noqa: E402

from inference.backends.generation import Served  # noqa: E402
from inference.backends.prompting import prompt_ids  # noqa: E402
from inference.backends.transformers import TransformersEngine  # noqa: E402
from inference.engine import GenerationRequest, GenerationResult, Message  # noqa: E402

MAX_NEW_TOKENS = 96
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prompts", type=Path)
    add_adapter_arguments(parser)
    parser.add_argument("--limit", type=int, default=40)
    options = parser.parse_args()
    engine = loaded_engine(options)
    rows = [json.loads(line) for line in options.prompts.read_text().splitlines()][: options.limit]
    prompts = [tuple(Message(**turn) for turn in row["prompt"]) for row in rows]
    case = case_of(options)
    compare(engine, prompts, case)


def compare(engine: TransformersEngine, prompts: list[tuple[Message, ...]], case: str) -> None:
    """Both ways turn by turn, so that a noisy machine disturbs both alike."""
    served = engine._served
    assert served is not None
    ask(engine, prompts[0])  # warm
    ours: list[float] = []
    peers: list[float] = []
    first_tokens: list[float] = []
    same = 0
    for messages in prompts:
        seconds, result = timed(lambda messages=messages: ask(engine, messages))
        peer_seconds, text = timed(lambda messages=messages: plain_generate(served, messages))
        ours.append(seconds)
        peers.append(peer_seconds)
        first_tokens.append(result.time_to_first_token_ms)
        same += result.text == text
    emit(case, "seconds_per_answer", fmean(ours), fmean(peers), engine, len(prompts))
    emit(case, "time_to_first_token_ms", fmean(first_tokens), None, engine, len(prompts))
    emit(case, "same_text", same / len(prompts), None, engine, len(prompts))


def ask(engine: TransformersEngine, messages: tuple[Message, ...]) -> GenerationResult:
    *_, result = engine.generate(GenerationRequest(messages, max_new_tokens=MAX_NEW_TOKENS, deadline_s=600))
    assert isinstance(result, GenerationResult)
    return result


def plain_generate(served: Served, messages: tuple[Message, ...]) -> str:
    import torch

    prompt = prompt_ids(served.tokenizer, messages)
    output = served.model.generate(input_ids=torch.tensor([prompt]), max_new_tokens=MAX_NEW_TOKENS, do_sample=False)[0]
    text: str = served.tokenizer.decode(output[len(prompt) :], skip_special_tokens=True)
    return text


def timed(work: Callable[[], T]) -> tuple[float, T]:
    started = time.monotonic()
    value = work()
    return time.monotonic() - started, value


def emit(case: str, metric: str, value: float, peer: float | None, engine: TransformersEngine, n: int) -> None:
    line = {
        "benchmark": "engine",
        "case": case,
        "metric": metric,
        "value": round(value, 4),
        "peer": "transformers generate" if peer is not None else None,
        "ratio": round(peer / value, 3) if peer is not None else None,
        "conditions": {"n": n, "dtype": engine.status().dtype, "max_new_tokens": MAX_NEW_TOKENS, "clients": 1},
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
