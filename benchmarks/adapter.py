"""The model's own words, with the adapter and without: the evidence of a real search packed as AION packs it, then
whatever the model writes, with no gate, no check and nothing quoted. Greedy, at most 96 tokens.

FaQuAD's questions are those on documents that the adapter was not trained on, the demo's are its test part."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from benchmarks.engines import adapter_in, bare_engine
from benchmarks.lines import Line, beside
from benchmarks.options import Options
from benchmarks.prompts import Prompt, prompts_of
from benchmarks.questions import QuestionSet, examined, installed_sets, missing_sets, say
from chat.evaluation import contains, plain_reply, token_f1
from chat.evaluation.intervals import Sample
from chat.golden import GoldenQuestion
from chat.grounding import CITATION
from inference.engine import Engine, GenerationRequest, GenerationResult

SETS = ("faquad", "demo")
ASKED = 48
MAX_NEW_TOKENS = 96
BARE = "bare model"


@dataclass(frozen=True, slots=True)
class Reply:
    """What was said to a question, and how long it took."""

    question: GoldenQuestion
    text: str
    seconds: float

    def best(self, measure: Callable[[str, str], float]) -> float:
        """Against the best of the given answers."""
        return max(measure(plain_reply(self.text), gold) for gold in self.question.answers)


METRICS: dict[str, Callable[[Reply], float]] = {
    "f1": lambda reply: reply.best(token_f1),
    "contains": lambda reply: reply.best(contains),
    "cited": lambda reply: float(bool(CITATION.search(reply.text))),
    "seconds_per_answer": lambda reply: reply.seconds,
}


def measure(options: Options) -> Iterator[Line]:
    """The same prompts twice."""
    yield from missing_sets(options, *SETS)
    engine = bare_engine()
    with installed_sets(options, *SETS) as sets:
        asked = {name: _answerable(own, options.limit or ASKED) for name, own in sets.items()}
        prompts = {name: list(prompts_of(asked[name], own.collection)) for name, own in sets.items()}
    bare = {name: _replies(engine, asked[name], prompts[name]) for name in asked}
    engine.serve_adapter(adapter_in(options.adapter))
    for name in asked:
        yield from _lines(name, _replies(engine, asked[name], prompts[name]), bare[name])


def _answerable(own: QuestionSet, limit: int) -> Sequence[GoldenQuestion]:
    return examined([question for question in own.questions if question.answerable and question.answers], limit)


def _replies(engine: Engine, questions: Sequence[GoldenQuestion], prompts: Sequence[Prompt]) -> list[Reply]:
    say(f"adapter: {len(questions)} prompts with {engine.status().adapter or BARE}")
    return [_ask(engine, question, prompt) for question, prompt in zip(questions, prompts, strict=True)]


def _ask(engine: Engine, question: GoldenQuestion, prompt: Prompt) -> Reply:
    started = time.monotonic()
    *_, result = engine.generate(GenerationRequest(prompt, max_new_tokens=MAX_NEW_TOKENS, deadline_s=600))
    assert isinstance(result, GenerationResult)
    return Reply(question, result.text, time.monotonic() - started)


def _lines(name: str, ours: Sequence[Reply], bare: Sequence[Reply]) -> Iterator[Line]:
    for metric, judge in METRICS.items():
        sample = Sample(tuple(map(judge, ours)), tuple(reply.question.document for reply in ours))
        peers = {BARE: fmean(map(judge, bare))}
        yield from beside(name, metric, fmean(sample.values), peers, n=len(ours), interval_95=sample.interval)
