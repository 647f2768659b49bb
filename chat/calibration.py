"""Confidence fitted by hiding the source: each golden question asked as it is, and again with its source hidden.

scikit-learn only while fitting; what serves is `chat.confidence.Weights`, pure numpy. Kinds of negative stay apart in
the report: the document hidden, only the passage hidden (harder), known to be unanswerable.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from chat import control
from chat.confidence import Weights, cosine, default_calibration, read
from chat.evidence import EVIDENCE_PASSAGES
from chat.exceptions import CalibrationRefused
from chat.features import FEATURES, as_vector
from chat.golden import GoldenSet, Source, find_sources
from chat.models import Calibration
from retrieval.generations import active_generation, serving_embedder_id
from retrieval.models import Chunk
from retrieval.results import Hidden, SearchScope
from retrieval.search import retrieve

Kind = Literal["answerable", "document", "passage", "unanswerable"]
NEGATIVES: tuple[Kind, ...] = ("document", "passage", "unanswerable")

FEWEST_QUESTIONS = 40
FEWEST_DOCUMENTS = 5
FOLDS = 10
BINS = 10
PENALTY_C = 0.3  # .2 and 1 differ by .001 AUROC
MOVED_SHARE = 0.5  # of the chunks a calibration was fitted on; beyond it the corpus is another one
CACHE_S = 5.0
RERANKER = "reranker"  # among what the search was set to; older calibrations and the shipped one had none
LOGGED = "logged"  # the origin of examples that people asked here


@dataclass(frozen=True, slots=True)
class Example:
    """One retrieval of a golden question: its signals, whether its answer could be found, and why not.

    `origin` is the file it came from: each weighs alike in a fit, however many questions it has.
    """

    features: Mapping[str, float]
    kind: Kind
    group: str
    cosine: float
    origin: str = ""

    @property
    def answerable(self) -> bool:
        return self.kind == "answerable"


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights from all examples; `(n,)` probabilities from weights that had not seen the document they judged, and the
    report of these."""

    weights: Weights
    cross_fitted: np.ndarray
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CalibrationStatus:
    """What is in force and what has changed since it was fitted ("" where nothing has): `embedder`, `reranker`,
    `settings` or `documents`."""

    source: str
    report: Mapping[str, Any]
    changed: str

    @property
    def stale(self) -> str:
        """Why it may no longer fit, in the reader's words; "" where it does."""
        return {
            "reranker": _("The reranker has changed since: other passages are chosen, so calibrate again."),
            "embedder": _("The embedder has changed since: the confidence means little until it is calibrated again."),
            "settings": _("The retrieval settings have changed since."),
            "documents": _("The documents have changed by more than half since."),
        }.get(self.changed, "")


def examples_of(
    golden: GoldenSet,
    collections: Sequence[str],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Example]:
    """Ask every question of known source three times; those known to be unanswerable once.

    One that leans on earlier turns is left out: by itself nothing answers it.
    """
    sources = find_sources(golden.questions, collections)
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, collections=tuple(collections), groups=None)
    examples: list[Example] = []
    for done, (question, source) in enumerate(zip(golden.questions, sources, strict=True), start=1):
        if not question.follows_up:
            examples += _asked_in_all_ways(question.text, question.answerable, source, scope, golden.name)
        progress(done, len(golden.questions))
    return examples


def examples_of_logged(judged: Sequence[tuple[str, Source]]) -> list[Example]:
    """The same of questions that people asked here, whose source somebody judged."""
    scope = SearchScope(tenant=settings.PRIMARY_TENANT_ID, groups=None)
    return [example for text, source in judged for example in _asked_in_all_ways(text, True, source, scope, LOGGED)]


def _asked_in_all_ways(
    text: str, answerable: bool | None, source: Source, scope: SearchScope, origin: str
) -> Iterator[Example]:
    for kind, hidden in _ways_to_ask(answerable, source):
        found = _measured(text, scope, hidden)
        if found is not None:
            yield Example(found[0], kind, source.group, found[1], origin)


def _ways_to_ask(answerable: bool | None, source: Source) -> Iterator[tuple[Kind, Hidden]]:
    if answerable is False:
        yield "unanswerable", Hidden()
        return
    if not source.known:
        return
    if answerable:
        yield "answerable", Hidden()
    alone = not source.has_neighbours
    if source.hidden_passage.chunk_ids:
        yield "passage", source.hidden_passage
    if not alone:
        yield "document", source.hidden_document


def _measured(question: str, scope: SearchScope, hidden: Hidden) -> tuple[Mapping[str, float], float] | None:
    """The signals and the older formula's value of one retrieval; None where nothing is left to find."""
    found = retrieve(question, scope=scope, settings=control.current().search_settings, hidden=hidden)
    return (read(found, passages=EVIDENCE_PASSAGES).features, cosine(found)) if found.selected else None


def fit(examples: Sequence[Example], *, tau: float) -> Fitted:
    """Fit on all and report on what each fold had not seen. Raises `CalibrationRefused` where there is too little."""
    groups = {example.group for example in examples}
    answerable = sum(example.answerable for example in examples)
    refuse_too_few(min(answerable, len(examples) - answerable), len(groups))
    probabilities = cross_fitted(examples)
    return Fitted(_fit_weights(_rows(examples), examples), probabilities, report_of(examples, probabilities, tau=tau))


def refuse_too_few(questions: int, documents: int) -> None:
    """Raises `CalibrationRefused` where so many questions of known source, of so many documents, are too few."""
    if questions >= FEWEST_QUESTIONS and documents >= FEWEST_DOCUMENTS:
        return
    message = _(
        "A calibration needs at least %(questions)d questions of known source from %(documents)d documents; "
        "there are %(found)d from %(groups)d. The one in force stays."
    )
    values = {"questions": FEWEST_QUESTIONS, "documents": FEWEST_DOCUMENTS, "found": questions, "groups": documents}
    raise CalibrationRefused(message % values)


def cross_fitted(examples: Sequence[Example], names: tuple[str, ...] = FEATURES) -> np.ndarray:
    """`(n,)` probabilities by the signals `names`, each from weights fitted without the documents of its fold."""
    from sklearn.model_selection import GroupKFold

    rows = _rows(examples, names)
    groups = [example.group for example in examples]
    probabilities = np.zeros(len(examples))
    for seen, unseen in GroupKFold(min(FOLDS, len(set(groups)))).split(rows, groups=groups):
        weights = _fit_weights(rows[seen], [examples[index] for index in seen], names)
        probabilities[unseen] = weights.probabilities(rows[unseen])
    return probabilities


def _rows(examples: Sequence[Example], names: tuple[str, ...] = FEATURES) -> np.ndarray:
    return np.stack([as_vector(example.features, names) for example in examples])


def _fit_weights(rows: np.ndarray, examples: Sequence[Example], names: tuple[str, ...] = FEATURES) -> Weights:
    """Both classes weighing alike: the prior is one half."""
    labels = np.array([example.answerable for example in examples])
    weighing = _balancing(examples)
    return fit_logistic(rows, labels, names=names, penalty_c=PENALTY_C, prior=0.5, weighing=weighing)


def fit_logistic(
    rows: np.ndarray,
    labels: np.ndarray,
    *,
    names: tuple[str, ...],
    penalty_c: float,
    prior: float,
    weighing: np.ndarray | None = None,
) -> Weights:
    """A logistic with an L2 penalty on `(n, len(names))` signals, clipped to what is usual and standardised."""
    from sklearn.linear_model import LogisticRegression

    low, high = np.percentile(rows, 0.5, axis=0), np.percentile(rows, 99.5, axis=0)
    clipped = np.clip(rows, low, high)
    mean, scale = clipped.mean(axis=0), clipped.std(axis=0)
    scale[scale < 1e-9] = 1.0
    model = LogisticRegression(C=penalty_c, max_iter=2000)
    model.fit((clipped - mean) / scale, labels, sample_weight=weighing)
    return Weights(
        features=names,
        mean=_rounded(mean),
        scale=_rounded(scale),
        low=_rounded(low),
        high=_rounded(high),
        weights=_rounded(model.coef_[0]),
        intercept=round(float(model.intercept_[0]), 6),
        prior=round(prior, 4),
    )


def _balancing(examples: Sequence[Example]) -> np.ndarray:
    """Each file alike, and in it both classes alike. Not each kind of negative alike: the few judged unanswerable by
    people (19 of Pirá's, whose passage is there and close) would weigh a third, and cost the hidden passage .04
    AUROC."""
    alike = Counter((example.origin, example.answerable) for example in examples)
    return np.array([len(examples) / len(alike) / alike[example.origin, example.answerable] for example in examples])


def report_of(examples: Sequence[Example], probabilities: np.ndarray, *, tau: float) -> dict[str, Any]:
    """AUROC, Brier, ECE and what would be answered at `tau`: together and for each kind of negative against the
    answerable; beside them the older cosine formula."""
    kinds = np.array([example.kind for example in examples])
    cosines = np.array([example.cosine for example in examples])
    labels = kinds == "answerable"
    report: dict[str, Any] = {"n": len(examples), "tau": tau, "prior": 0.5, **scores(labels, probabilities)}
    report["answered"] = {kind: float((probabilities[kinds == kind] >= tau).mean()) for kind in sorted(set(kinds))}
    report["reliability"] = reliability(labels, probabilities)
    report["cosine"] = scores(labels, cosines)
    report["against"] = {}
    for kind in NEGATIVES:
        chosen = labels | (kinds == kind)
        if (kinds == kind).any():
            beside = scores(labels[chosen], cosines[chosen])
            report["against"][kind] = {"n": int(chosen.sum()), **scores(labels[chosen], probabilities[chosen])}
            report["against"][kind]["cosine_auroc"] = beside["auroc"]
    return report


def scores(labels: np.ndarray, probabilities: np.ndarray, *, balanced: bool = True) -> dict[str, float]:
    """AUROC, Brier score and expected calibration error in ten bins; in the last two both classes weigh alike, or each
    question where not `balanced`."""
    positives, negatives = probabilities[labels], probabilities[~labels]
    above = (positives[:, None] > negatives[None, :]).mean() + 0.5 * (positives[:, None] == negatives[None, :]).mean()
    brier = _weighing(labels, balanced) @ (labels - probabilities) ** 2
    rows = reliability(labels, probabilities, balanced=balanced)
    ece = sum(row["weight"] * abs(row["predicted"] - row["observed"]) for row in rows)
    return {"auroc": round(float(above), 4), "brier": round(float(brier), 4), "ece": round(float(ece), 4)}


def _weighing(labels: np.ndarray, balanced: bool) -> np.ndarray:
    """`(n,)`, together 1: both classes alike, or each question."""
    if not balanced:
        return np.full(len(labels), 1 / max(len(labels), 1))
    return np.asarray(np.where(labels, 0.5 / max(labels.sum(), 1), 0.5 / max((~labels).sum(), 1)))


def reliability(labels: np.ndarray, probabilities: np.ndarray, *, balanced: bool = True) -> list[dict[str, float]]:
    """What was promised against what came true, in ten bins, weighing as `scores` does."""
    weights = _weighing(labels, balanced)
    places = np.minimum((probabilities * BINS).astype(int), BINS - 1)
    rows = []
    for place in range(BINS):
        here = places == place
        if not here.any():
            continue
        weight = float(weights[here].sum())
        rows.append(
            {
                "predicted": round(float((weights[here] * probabilities[here]).sum() / weight), 4),
                "observed": round(float(weights[here & labels].sum() / weight), 4),
                "count": int(here.sum()),
                "weight": round(weight, 6),
            }
        )
    return rows


def activate(fitted: Fitted, *, fitted_on: str) -> Calibration:
    """Put a confidence in force, with what it is good for."""
    return put_in_force(Calibration.Kind.CONFIDENCE, fitted.weights, fitted.report, fitted_on=fitted_on)


def put_in_force(kind: Calibration.Kind, weights: Weights, report: Mapping[str, Any], *, fitted_on: str) -> Calibration:
    """Keep what was fitted, with what it was fitted under, and let it stand instead of the one of its kind."""
    tenant = settings.PRIMARY_TENANT_ID
    generation = active_generation()
    with transaction.atomic():
        ending = [kind, Calibration.Kind.CORRECTNESS]  # which was fitted beside the confidence that was in force
        Calibration.objects.select_for_update().filter(tenant=tenant, kind__in=ending, active=True).update(active=False)
        calibration = Calibration.objects.create(
            tenant=tenant,
            kind=kind,
            active=True,
            embedder=serving_embedder_id(),
            generation=generation.pk if generation else 0,
            chunk_count=_chunks_installed(),
            search_settings=_found_with(),
            weights=weights.to_json(),
            report=report,
            fitted_on=fitted_on,
        )
    transaction.on_commit(forget)
    return calibration


_cached: dict[Calibration.Kind, tuple[float, Weights | None]] = {}


def weights_in_force() -> Weights:
    """The installation's own calibration where it was fitted for this embedder, else the one that ships."""
    return own_weights(Calibration.Kind.CONFIDENCE, FEATURES) or Weights.from_json(default_calibration()["weights"])


def own_weights(kind: Calibration.Kind, known: Sequence[str]) -> Weights | None:
    """What was fitted here for this embedder and these signals, read from the database at most every few seconds."""
    kept = _cached.get(kind)
    if kept is None or time.monotonic() - kept[0] >= CACHE_S:
        row = in_force(kind)
        fits = row is not None and row.embedder == serving_embedder_id() and set(row.weights["features"]) <= set(known)
        kept = _cached[kind] = (time.monotonic(), Weights.from_json(row.weights, known) if row and fits else None)
    return kept[1]


def forget() -> None:
    """Read anew at the next use."""
    _cached.clear()


def in_force(kind: Calibration.Kind = Calibration.Kind.CONFIDENCE) -> Calibration | None:
    """What was last put in force here; None where nothing was."""
    return Calibration.objects.filter(tenant=settings.PRIMARY_TENANT_ID, kind=kind, active=True).first()


def status() -> CalibrationStatus:
    """What is in force and whether embedder, reranker, sizes or corpus have moved away from it."""
    row = in_force()
    if row is None:
        shipped = default_calibration()
        return CalibrationStatus(shipped["fitted_on"], shipped["report"], _changed(shipped["embedder"], shipped, None))
    stored = {"search_settings": row.search_settings}
    return CalibrationStatus(row.fitted_on, row.report, _changed(row.embedder, stored, row.chunk_count))


def _changed(embedder: str, stored: Mapping[str, Any], chunk_count: int | None) -> str:
    if embedder != serving_embedder_id():
        return "embedder"
    before, now = {RERANKER: "", **stored["search_settings"]}, _found_with()
    if before[RERANKER] != now[RERANKER]:
        return "reranker"
    if before != now:
        return "settings"
    if chunk_count is not None and abs(_chunks_installed() - chunk_count) > MOVED_SHARE * max(chunk_count, 1):
        return "documents"
    return ""


def _found_with() -> dict[str, float | str]:
    """What decides which passages a search brings."""
    sizes = control.current().search_settings
    return {name: getattr(sizes, name) for name in sizes.__slots__} | {RERANKER: settings.AION_RERANKER}


def _chunks_installed() -> int:
    return Chunk.objects.filter(document__tenant=settings.PRIMARY_TENANT_ID, document__collection="main").count()


def _rounded(values: np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)
