"""Whether the check of an answer catches what is wrong in it and lets pass what is right: 420 answers with one planted
fault each, beside the same without it, on passages of the demo and of FaQuAD (`demo/planted_faults.jsonl`).

Most were written by hand, all by someone who had not seen the check. An answer is caught where one of its sentences is
not released as it stands; `flagged_right` is the share of right answers that are caught too."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks.lines import Line
from benchmarks.options import BASE_DIR, Options, spread
from chat.drafting import draft
from chat.grounding import Passage
from inference.engine import Delta

FILE = BASE_DIR / "demo" / "planted_faults.jsonl"
KINDS = ("number", "name", "citation", "negation", "other_question")


def measure(options: Options) -> Iterator[Line]:
    """Each kind apart, then all."""
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    for kind in KINDS:
        yield from _figures(kind, spread([row for row in rows if row["kind"] == kind], options.limit))
    for made_by in ("hand", "code"):
        yield from _figures(f"all, made by {made_by}", [row for row in rows if row["made_by"] == made_by])
    yield from _figures("all", rows)


def _figures(case: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[Line]:
    if not rows:
        return
    yield Line(
        case, "caught", fmean(is_caught(row["passages"], row["wrong"]) for row in rows), conditions={"n": len(rows)}
    )
    flagged = fmean(is_caught(row["passages"], row["right"]) for row in rows)
    yield Line(case, "flagged_right", flagged, conditions={"n": len(rows)})


def is_caught(passages: Sequence[str], answer: str) -> bool:
    """Through the very path that checks a model's words."""
    checked = [Passage.of(number, text) for number, text in enumerate(passages, start=1)]
    listening = draft(iter([Delta(answer)]), checked, strict=True)
    while True:
        try:
            next(listening)
        except StopIteration as stop:
            return stop.value.fault is not None
