"""Whether the check of an answer catches what is wrong in it and lets pass what is right: 480 answers with one planted
fault each, beside the same without it, on passages of the demo and of FaQuAD (`demo/planted_faults.jsonl`).

All were made by someone who had not seen the check, three quarters by hand. The check was adjusted on half of them; of
the `other half` nothing was looked at but these figures. An answer is caught where one of its sentences is refused;
`refused_right` is the share of right answers that are refused too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from benchmarks.lines import Line
from benchmarks.options import BASE_DIR, Options
from chat.drafting import draft
from chat.grounding import Passage
from inference.engine import Delta

FILE = BASE_DIR / "demo" / "planted_faults.jsonl"
KINDS = ("number", "name", "citation", "negation", "other_question")


def measure(options: Options) -> Iterator[Line]:
    """Each kind apart, then all, then the half that was looked at and the other."""
    rows = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
    judged = [(row, is_caught(row["passages"], row["wrong"]), is_caught(row["passages"], row["right"])) for row in rows]
    for kind in KINDS:
        yield from _figures(kind, [one for one in judged if one[0]["kind"] == kind])
    yield from _figures("all", judged)
    for half, name in enumerate(("half adjusted on", "other half")):
        yield from _figures(name, [one for one in judged if _half_of(one[0]["id"]) == half])


def _figures(case: str, judged: Sequence[tuple[Mapping[str, Any], bool, bool]]) -> Iterator[Line]:
    about = {"n": len(judged)}
    yield Line(case, "caught", fmean(caught for _row, caught, _refused in judged), conditions=about)
    yield Line(case, "refused_right", fmean(refused for _row, _caught, refused in judged), conditions=about)


def _half_of(row_id: str) -> int:
    return int(hashlib.sha1(row_id.encode(), usedforsecurity=False).hexdigest(), 16) % 2


def is_caught(passages: Sequence[str], answer: str) -> bool:
    """Through the very path that checks a model's words."""
    checked = [Passage.of(number, text) for number, text in enumerate(passages, start=1)]
    listening = draft(iter([Delta(answer)]), checked, strict=True)
    while True:
        try:
            next(listening)
        except StopIteration as stop:
            return stop.value.fault is not None
