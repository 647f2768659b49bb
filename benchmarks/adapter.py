"""The shipped adapter against the bare model: token F1 on packed questions from documents it never saw.

    make bench-adapter ARGS="HELDOUT [--adapter DIR] [--merged] [--limit N]"

HELDOUT is the heldout.jsonl of `manage.py build_adapter_dataset`. Greedy. One JSON line a metric.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import string
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "aion.settings")

import django

django.setup()

from loaded_engine import add_adapter_arguments, case_of, loaded_engine  # noqa: E402

from inference.backends.transformers import TransformersEngine  # noqa: E402
from inference.engine import GenerationRequest, GenerationResult, Message  # noqa: E402

CITATION = re.compile(r"\[\d+\]")
ARTICLES = {"o", "a", "os", "as", "um", "uma", "uns", "umas"}
MAX_NEW_TOKENS = 96


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("heldout", type=Path)
    add_adapter_arguments(parser)
    parser.add_argument("--limit", type=int, default=48)
    options = parser.parse_args()
    engine = loaded_engine(options)
    rows = [json.loads(line) for line in options.heldout.read_text().splitlines()][: options.limit]
    case = case_of(options)
    for metric, value in measure(engine, rows):
        conditions = {"n": len(rows), "dtype": engine.status().dtype}
        print(json.dumps({"benchmark": "adapter", "case": case, "metric": metric, "value": value} | conditions))


def measure(engine: TransformersEngine, rows: list[dict[str, object]]) -> Iterable[tuple[str, float]]:
    """Mean F1, contains, cited and seconds over `rows`."""
    scores: list[tuple[float, float, float, float]] = []
    for row in rows:
        started = time.monotonic()
        reply = ask(engine, row["prompt"])
        print(json.dumps({"id": row["id"], "reply": reply}, ensure_ascii=False), file=sys.stderr)
        answers = [normalised(answer) for answer in row["answers"]]
        said = normalised(CITATION.sub("", reply))
        scores.append(
            (
                max(token_f1(said, answer) for answer in answers),
                float(any(f" {' '.join(answer)} " in f" {' '.join(said)} " for answer in answers)),
                float(bool(CITATION.search(reply))),
                time.monotonic() - started,
            )
        )
    names = ("f1", "contains", "cited", "seconds_per_answer")
    return [(name, round(fmean(column), 3)) for name, column in zip(names, zip(*scores, strict=True), strict=True)]


def ask(engine: TransformersEngine, prompt: list[dict[str, str]]) -> str:
    messages = tuple(Message(**turn) for turn in prompt)
    request = GenerationRequest(messages, max_new_tokens=MAX_NEW_TOKENS, deadline_s=600)
    *_, result = engine.generate(request)
    assert isinstance(result, GenerationResult)
    return result.text


def normalised(text: str) -> list[str]:
    """SQuAD's normalisation, with Portuguese articles."""
    words = text.lower().translate(str.maketrans("", "", string.punctuation)).split()
    return [word for word in words if word not in ARTICLES]


def token_f1(said: list[str], answer: list[str]) -> float:
    common = sum((Counter(said) & Counter(answer)).values())
    return 2 * common / (len(said) + len(answer)) if common else 0.0


if __name__ == "__main__":
    main()
