"""How likely an answer given is right: C and what generation told, fitted on what people said of earlier answers.

C says that the documents answer a question; an answer from them can still be wrong. Where enough reviews exist, this
second probability is what the tau lab counts errors with, and each answer is logged with it; where not, C stands in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from chat import calibration
from chat.confidence import Weights
from chat.exceptions import CalibrationRefused
from chat.features import as_vector
from chat.judges import counted
from chat.models import Calibration
from telemetry.traffic import AskedQuestion, LocalAttempt

FEWEST_REVIEWS = 60
FEWEST_OF_A_KIND = 15
FOLDS = 5
PENALTY_C = 0.3
LOWEST_LOGPROB = -12.0  # of a token; below it a lower one says no more
SIGNALS = ("confidence_logit", "quoted", "mean_logprob", "min_logprob")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FittedCorrectness:
    """The weights of all reviews, and a report of what folds had not seen."""

    weights: Weights
    report: Mapping[str, Any]


def signals(confidence: float, attempt: LocalAttempt) -> dict[str, float]:
    """What tells how good a local answer is, by the names in `SIGNALS`. A quotation has no probabilities of its own:
    its words are the document's."""
    bounded = min(max(confidence, 0.001), 0.999)
    quoted = attempt.mode == "quote"
    mean, lowest = (None, None) if quoted else (attempt.mean_logprob, attempt.min_logprob)
    return {
        "confidence_logit": float(np.log(bounded / (1 - bounded))),
        "quoted": float(quoted),
        "mean_logprob": max(mean, LOWEST_LOGPROB) if mean is not None else 0.0,
        "min_logprob": max(lowest, LOWEST_LOGPROB) if lowest is not None else 0.0,
    }


def weights_in_force() -> Weights | None:
    """None until reviews allowed a fit; it speaks of the confidence it was fitted beside, and ends with that."""
    return calibration.own_weights(Calibration.Kind.CORRECTNESS, SIGNALS)


def probability(confidence: float, attempt: LocalAttempt) -> float | None:
    """That this local answer is right; None where no fit is in force."""
    weights = weights_in_force()
    return None if weights is None else round(weights.probability(signals(confidence, attempt)), 4)


def probabilities(weights: Weights | None, asked: Sequence[AskedQuestion], confidence: Sequence[float]) -> Floats:
    """`(n,)`: that a local answer to each question would be right; C where there is no fit, or no attempt was made."""
    values = [
        weights.probability(signals(value, row.local)) if weights and row.local and row.local.passed else value
        for row, value in zip(asked, confidence, strict=True)
    ]
    return np.array(values, dtype=np.float64)


def fit(asked: Sequence[AskedQuestion]) -> FittedCorrectness:
    """Fit on the reviewed local answers among `asked`, cross-fitted by day. Raises `CalibrationRefused` where there are
    too few, or too few of a kind."""
    judged = [row for row in asked if row.right is not None and row.local is not None]
    kept = zip(judged, counted([row.judge_id for row in judged]), strict=True)
    reviewed = [row for row, counts in kept if counts]
    right = sum(bool(row.right) for row in reviewed)
    if len(reviewed) < FEWEST_REVIEWS or min(right, len(reviewed) - right) < FEWEST_OF_A_KIND:
        message = _(
            "P(correct) needs at least %(reviews)d reviewed answers, %(each)d of them right and %(each)d wrong; there "
            "are %(right)d and %(wrong)d."
        )
        values = {"reviews": FEWEST_REVIEWS, "each": FEWEST_OF_A_KIND, "right": right, "wrong": len(reviewed) - right}
        raise CalibrationRefused(message % values)
    rows = np.stack([as_vector(signals(row.confidence, row.local), SIGNALS) for row in reviewed if row.local])
    labels = np.array([bool(row.right) for row in reviewed])
    unseen = _cross_fitted(rows, labels, [row.day.toordinal() for row in reviewed])
    ours = calibration.scores(labels, unseen, balanced=False)
    alone = calibration.scores(labels, np.array([row.confidence for row in reviewed]), balanced=False)
    if ours["brier"] > alone["brier"]:
        message = _("The reviews tell nothing that C does not know (Brier %(ours)s, C alone %(alone)s).")
        raise CalibrationRefused(message % {"ours": ours["brier"], "alone": alone["brier"]})
    report = {
        "n": len(reviewed),
        "prior": round(right / len(reviewed), 4),
        **ours,
        "confidence_alone": alone,
        "reliability": calibration.reliability(labels, unseen, balanced=False),
    }
    return FittedCorrectness(_weights(rows, labels), report)


def _cross_fitted(rows: Floats, labels: NDArray[np.bool_], days: Sequence[int]) -> Floats:
    from sklearn.model_selection import GroupKFold, KFold

    few_days = len(set(days)) < FOLDS
    folds = KFold(FOLDS, shuffle=True, random_state=0) if few_days else GroupKFold(FOLDS)
    unseen = np.zeros(len(rows))
    for seen, held_out in folds.split(rows, groups=days):
        if len(set(labels[seen])) < 2:  # days of one verdict alone: nothing to learn from, the share stands in
            unseen[held_out] = labels[seen].mean()
            continue
        unseen[held_out] = _weights(rows[seen], labels[seen]).probabilities(rows[held_out])
    return unseen


def _weights(rows: Floats, labels: NDArray[np.bool_]) -> Weights:
    """The classes as they came: unlike hidden sources, reviews are of what was really asked."""
    return calibration.fit_logistic(rows, labels, names=SIGNALS, penalty_c=PENALTY_C, prior=float(labels.mean()))


def refit(asked: Sequence[AskedQuestion]) -> Calibration:
    """Fit and put in force. Raises `CalibrationRefused`."""
    fitted = fit(asked)
    fitted_on = _("%(count)d reviewed answers") % {"count": fitted.report["n"]}
    return calibration.put_in_force(Calibration.Kind.CORRECTNESS, fitted.weights, fitted.report, fitted_on=fitted_on)
