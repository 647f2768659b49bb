"""Whether C tells what the documents answer from what they don't: the calibrated confidence, cross-fitted by document
over all sets, beside the older cosine formula and the best similarity, each taken as a probability as it stands.

Kinds of negative stay apart: the source document hidden, only the passage hidden (its neighbours stay), questions that
people know to be unanswerable, and those of another domain. `answered` is the share at or above tau."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from benchmarks.lines import Line, beside, skipped
from benchmarks.options import Options, spread
from benchmarks.questions import QuestionSet, installed_sets, missing_sets, say
from chat import calibration, control
from chat.calibration import Example
from chat.confidence import Weights, cosine, read
from chat.evaluation.intervals import Sample, gate_intervals
from chat.evidence import EVIDENCE_PASSAGES
from chat.exceptions import CalibrationRefused
from chat.features import FEATURES, as_vector
from chat.features import measure as measure_signals
from retrieval.results import SearchScope
from retrieval.search import retrieve

SETS = ("faquad", "pira", "demo")
OURS, COSINE, SIMILARITY = "AION", "cosine formula", "best similarity"
ANSWERABLE, OFF_DOMAIN = "answerable", "off-domain"
NEGATIVES = {"document": "document hidden", "passage": "passage hidden", "unanswerable": "known unanswerable"}
OFF_DOMAIN_ASKED = 150
TIMED = 60
_SENTENCES = FEATURES.index("sentence_overlap")
KINDS_OF_SIGNAL = {
    "similarity and rank": FEATURES[:4],
    "words": FEATURES[4:_SENTENCES],
    "sentences": FEATURES[_SENTENCES:],
}
OFF_DOMAIN_OF = {"faquad": ("pira",), "demo": ("faquad", "pira")}  # none of these answers a question of the others

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """Questions asked in one way: `(n,)` values by each scorer, AION's first, and the document of each question."""

    values: Mapping[str, Floats]
    documents: tuple[str, ...]


def measure(options: Options) -> Iterator[Line]:
    """Each set against each kind of negative that it has."""
    yield from missing_sets(options, *SETS)
    tau = control.current().tau
    with installed_sets(options, *SETS) as sets:
        examples = [example for own in sets.values() for example in _examples(own, options.limit)]
        scored = list(zip(examples, calibration.cross_fitted(examples), strict=True))
        for name, own in sets.items():
            asked = {kind: _of_kind(scored, own, kind) for kind in (ANSWERABLE, *NEGATIVES)}
            yield from _answered(f"{name}: {ANSWERABLE}", asked[ANSWERABLE], tau)
            for kind, title in NEGATIVES.items():
                yield from _compare(f"{name}: {title}", asked[ANSWERABLE], asked[kind], tau)
        yield from _what_signals_add(examples)
        yield from _what_signals_cost(next(iter(sets.values())))
        try:
            weights = calibration.fit(examples, tau=tau).weights
        except CalibrationRefused as refused:
            yield skipped(OFF_DOMAIN, str(refused))
            return
        for name, others in OFF_DOMAIN_OF.items():
            if sets.keys() >= {name, *others}:
                strangers = [question.text for other in others for question in sets[other].questions]
                foreign = _foreign(spread(strangers, options.limit or OFF_DOMAIN_ASKED), sets[name], weights)
                answerable = _of_kind(scored, sets[name], ANSWERABLE)
                yield from _compare(f"{name}: {OFF_DOMAIN}", answerable, foreign, tau)


def _what_signals_add(examples: Sequence[Example]) -> Iterator[Line]:
    """What leaving out a signal costs in AUROC over all sets, and what those of one kind reach alone."""
    labels = np.array([one.answerable for one in examples])

    def auroc(names: tuple[str, ...]) -> float:
        return calibration.scores(labels, calibration.cross_fitted(examples, names))["auroc"]

    say("gate: what each signal adds")
    whole = auroc(FEATURES)
    for name in FEATURES:
        left = auroc(tuple(other for other in FEATURES if other != name))
        yield Line(f"signal: {name}", "AUROC it adds", whole - left, conditions={"n": len(labels), "with_all": whole})
    for kind, names in KINDS_OF_SIGNAL.items():
        yield Line(f"signals of {kind}", "AUROC alone", auroc(names), conditions={"n": len(labels), "with_all": whole})


def _what_signals_cost(own: QuestionSet) -> Iterator[Line]:
    """Milliseconds a question, the sentences of a passage embedded before (those of a new one cost once)."""
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=(own.collection,), groups=None)
    asked = spread([question.text for question in own.questions], TIMED)
    found = [retrieve(text, scope=scope, settings=control.current().search_settings) for text in asked]
    for one in found:
        read(one, passages=EVIDENCE_PASSAGES)
    spent: dict[str, list[float]] = {"all": [], "sentences": []}
    for one in found:
        began = time.perf_counter()
        reading = read(one, passages=EVIDENCE_PASSAGES)
        middle = time.perf_counter()
        measure_signals(one, reading.sentences)
        spent["all"].append(time.perf_counter() - middle)
        spent["sentences"].append(middle - began)
    about = {"n": len(found)}
    yield Line("signals", "ms, all but weighing sentences", 1000 * float(np.median(spent["all"])), conditions=about)
    yield Line("signals", "ms, weighing sentences", 1000 * float(np.median(spent["sentences"])), conditions=about)


def _examples(own: QuestionSet, limit: int | None) -> list[Example]:
    say(f"gate: {own.name}")
    asked = replace(own.golden, questions=tuple(spread(own.questions, limit)))
    return calibration.examples_of(asked, [own.collection])


def _of_kind(scored: Sequence[tuple[Example, float]], own: QuestionSet, kind: str) -> Judged:
    chosen = [(one, C) for one, C in scored if (one.origin, one.kind) == (own.golden.name, kind)]
    return _judged([one for one, _C in chosen], np.array([C for _one, C in chosen]))


def _foreign(questions: Sequence[str], own: QuestionSet, weights: Weights) -> Judged:
    """Asked of a set's documents, which are about something else; `weights` were fitted on none of this."""
    say(f"gate: {len(questions)} questions of other domains, {own.name}")
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=(own.collection,), groups=None)
    found = [retrieve(text, scope=scope, settings=control.current().search_settings) for text in questions]
    features = [read(one, passages=EVIDENCE_PASSAGES).features for one in found]
    asked = [
        Example(signals, "unanswerable", text, cosine(one))
        for text, signals, one in zip(questions, features, found, strict=True)
    ]
    return _judged(asked, weights.probabilities(np.stack([as_vector(signals) for signals in features])))


def _judged(examples: Sequence[Example], confidence: Floats) -> Judged:
    cosines = np.array([one.cosine for one in examples])
    similarities = np.array([one.features["best_similarity"] for one in examples])
    values = {OURS: confidence, COSINE: cosines, SIMILARITY: similarities}
    return Judged(values, tuple(one.group for one in examples))


def _compare(case: str, answerable: Judged, negative: Judged, tau: float) -> Iterator[Line]:
    """What tells the two apart, and what is answered of the negative; nothing where there are none."""
    if not (answerable.documents and negative.documents):
        return
    documents = answerable.documents + negative.documents
    labels = np.arange(len(documents)) < len(answerable.documents)
    values = {who: np.concatenate([answerable.values[who], negative.values[who]]) for who in negative.values}
    scores = {who: calibration.scores(labels, column) for who, column in values.items()}
    intervals = gate_intervals(labels.tolist(), values[OURS].tolist(), documents)
    for metric, ours in scores.pop(OURS).items():
        peers = {who: own[metric] for who, own in scores.items()}
        yield from beside(case, metric, ours, peers, n=len(labels), interval_95=intervals.get(metric), tau=tau)
    yield from _answered(case, negative, tau)


def _answered(case: str, asked: Judged, tau: float) -> Iterator[Line]:
    if not asked.documents:
        return
    above = {who: (values >= tau).astype(float) for who, values in asked.values.items()}
    interval = Sample(tuple(above[OURS]), asked.documents).interval
    ours, *peers = ((who, float(column.mean())) for who, column in above.items())
    n = len(asked.documents)
    yield from beside(case, "answered", ours[1], dict(peers), n=n, interval_95=interval, tau=tau)
