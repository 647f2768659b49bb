"""Answers end to end, through the chat path, behind the gate at tau: as AION ships (the default mode), beside only
quoting, generating with the adapter first, and generating with the bare model. A question not answered counts 0.

FaQuAD's questions are those on documents that the adapter was not trained on, the demo's are its test part; the gate is
the calibration that ships, which was fitted on FaQuAD and on the demo's train part. A generated answer that fails its
check is replaced by a quotation where the support allows, so `generated` says how many of the answers the model wrote;
`make bench-adapter` shows its own words unaided. The bare model is stopped at 96 tokens: it rarely ends by itself.
Seconds leave out embedding: each question was asked once before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.engines import adapter_in, bare_engine
from benchmarks.lines import Line, beside
from benchmarks.options import Options
from benchmarks.questions import QuestionSet, examined, installed_sets, missing_sets, say
from chat import control
from chat.evaluation import Plan, evaluate
from chat.models import ChatSettingsRevision
from inference.engine import Engine

SETS = ("faquad", "demo")
ASKED = 48
Mode = ChatSettingsRevision.Mode
OURS = "AION"
WAYS: Mapping[str, Mapping[str, object]] = {
    OURS: {},
    "quoted": {"answer_mode": Mode.QUOTE},
    "generated": {"answer_mode": Mode.GENERATE},
}
BARE = "bare model"
BARE_SETTINGS: Mapping[str, object] = {"answer_mode": Mode.GENERATE, "max_new_tokens": 96}
FIGURES = (
    *("f1", "contains", "cited", "citations_right", "grounded", "refused", "refused_unanswerable"),
    "seconds_per_answer",
)


def measure(options: Options) -> Iterator[Line]:
    """Each set in every way; the bare model first, so that the adapter is put in place once."""
    yield from missing_sets(options, *SETS)
    engine = bare_engine()
    with installed_sets(options, *SETS) as sets:
        for own in sets.values():
            evaluate(_plan(own, options, generate=False))  # vectors are kept: who asks first would pay for all
        bare = {name: _report(own, BARE, BARE_SETTINGS, engine, options) for name, own in sets.items()}
        engine.serve_adapter(adapter_in(options.adapter))
        for name, own in sets.items():
            reports = {way: _report(own, way, settings, engine, options) for way, settings in WAYS.items()}
            yield from _lines(name, reports | {BARE: bare[name]})


def _report(
    own: QuestionSet, way: str, settings: Mapping[str, object], engine: Engine, options: Options
) -> dict[str, Any]:
    say(f"answers: {own.name}, {way}")
    with control.instead(**settings):
        return evaluate(_plan(own, options), engine=engine)


def _plan(own: QuestionSet, options: Options, *, generate: bool = True) -> Plan:
    questions = examined(own.golden.questions, options.limit or ASKED)
    return Plan(questions=questions, collections=[own.collection], generate=generate)


def _lines(name: str, reports: Mapping[str, Mapping[str, Any]]) -> Iterator[Line]:
    ours = reports[OURS]["answer"]
    for figure in FIGURES:
        if ours[figure] is not None:
            peers = {way: report["answer"][figure] for way, report in reports.items() if way != OURS}
            n = ours["n_unanswerable" if figure == "refused_unanswerable" else "n"]
            interval = reports[OURS]["intervals"]["answer"].get(figure)
            yield from beside(name, figure, ours[figure], peers, n=n, interval_95=interval)
    written = {way: _generated(report) for way, report in reports.items()}
    yield from beside(name, "generated", written.pop(OURS), written, n=ours["n"])


def _generated(report: Mapping[str, Any]) -> float:
    """The share of what is answered that the model wrote."""
    by_mode: Mapping[str, Mapping[str, Any]] = report["answer"]["by_mode"]
    answered = sum(figures["n"] for figures in by_mode.values())
    return by_mode.get("generated", {"n": 0})["n"] / answered if answered else 0.0
