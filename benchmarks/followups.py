"""Whether a question that follows others is found: as AION reads it (`chat.followups`), beside the question alone and
all questions before it put in front, on the demo's documents.

Follow-ups are the demo's dialogues. Changes of subject are its other questions, each asked after one on another
document: there what came before only distracts. `answered` is the share with a confidence of at least tau."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import fmean

from benchmarks.lines import Line, beside
from benchmarks.options import Options, spread
from benchmarks.questions import installed_demo, say
from chat.evaluation.asking import Judged, Plan, ask_all, tau_of
from chat.evaluation.figures import retrieval_figures
from chat.golden import GoldenQuestion

OURS, ALONE, ALL_BEFORE = "AION", "the question alone", "all before it in front"
WAYS: dict[str, Callable[[GoldenQuestion], GoldenQuestion]] = {
    OURS: lambda question: question,
    ALONE: lambda question: replace(question, earlier=()),
    ALL_BEFORE: lambda question: replace(question, text=" ".join((*question.earlier, question.text)), earlier=()),
}


def measure(options: Options) -> Iterator[Line]:
    """Follow-ups, then changes of subject."""
    with installed_demo() as demo:
        answerable = [question for question in demo.golden.questions if question.answerable and question.passage]
        alone = [question for question in answerable if not question.follows_up]
        cases = {
            "follow-ups": [question for question in answerable if question.follows_up],
            "changes of subject": after_another_subject(alone),
        }
        for case, questions in cases.items():
            yield from _case(case, spread(questions, options.limit), demo.collection)


def after_another_subject(questions: Sequence[GoldenQuestion]) -> list[GoldenQuestion]:
    """Each as if asked after one that stands half the list away, or the next one after that on another document."""
    half, count = len(questions) // 2, len(questions)
    changed = []
    for at, question in enumerate(questions):
        others = (questions[(at + half + step) % count] for step in range(count))
        other = next(one for one in others if one.document != question.document)
        changed.append(replace(question, earlier=(other.text,)))
    return changed


def _case(case: str, questions: Sequence[GoldenQuestion], collection: str) -> Iterator[Line]:
    figures: dict[str, dict[str, float | None]] = {}
    for way, turned in WAYS.items():
        say(f"followups: {len(questions)} {case}, {way}")
        plan = Plan([turned(question) for question in questions], (collection,), generate=False)
        figures[way] = _figures(ask_all(plan), tau_of(plan))
    ours = figures.pop(OURS)
    for metric, value in ours.items():
        peers = {way: other[metric] for way, other in figures.items()}
        yield from beside(case, metric, value, peers, n=len(questions))


def _figures(judged: Sequence[Judged], tau: float) -> dict[str, float | None]:
    found = retrieval_figures(judged).values
    return {name: found[name] for name in ("r_at_1", "r_at_8")} | {
        "answered": fmean(item.passes(tau) for item in judged)
    }
