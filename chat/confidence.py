"""How sure AION is that the documents answer a question: C in [0, 1]. Two scorers, one function. Pure numpy, no fitting.

`cosine` is the older formula, kept; it cannot gate with E5 (every question scores .89-.95). `calibrated` is a
logistic on the signals of `chat.features`, fitted by `chat.calibration`: a probability one can set a threshold on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from chat.evidence import Weighed, term_weights, weigh_sentences
from chat.features import FEATURES, READ_PASSAGES, as_vector, measure
from retrieval.results import Retrieval

DEFAULT_FILE = Path(__file__).parent / "data" / "calibration.json"


@dataclass(frozen=True, slots=True)
class Weights:
    """A fitted logistic: features are clipped to `low`..`high` (what was seen in fitting) and standardised."""

    features: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    prior: float

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Weights:
        """Raises KeyError or ValueError where `stored` is not what `to_json` made, or names a signal unknown here."""
        unknown = set(stored["features"]) - set(FEATURES)
        if unknown:
            raise ValueError(f"unknown signals: {', '.join(sorted(unknown))}")
        columns = {name: tuple(stored[name]) for name in ("features", "mean", "scale", "low", "high", "weights")}
        return cls(**columns, intercept=float(stored["intercept"]), prior=float(stored["prior"]))

    def to_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}

    def probability(self, features: Mapping[str, float]) -> float:
        """The probability that the documents answer, where `prior` of what is asked is answerable."""
        return float(self.probabilities(as_vector(features, self.features)[None, :])[0])

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """`(n,)` probabilities of `(n, len(features))` raw signals."""
        clipped = np.clip(rows, self.low, self.high)
        logits = (clipped - np.array(self.mean)) / np.array(self.scale) @ np.array(self.weights) + self.intercept
        return np.asarray(1.0 / (1.0 + np.exp(-logits)))


@dataclass(frozen=True, slots=True)
class Confidence:
    """C, what made it, and the weighed sentences of the passages that were read (the evidence uses them again)."""

    value: float
    scorer: str
    features: Mapping[str, float]
    sentences: Weighed


def score(retrieval: Retrieval, *, scorer: str, weights: Weights, passages: int) -> Confidence:
    """C of one retrieval. Reads the sentences of its best `passages` selected ones. Raises `EmbeddingFailed`."""
    if not retrieval.selected:
        return Confidence(0.0, scorer, {}, ())
    terms = term_weights(retrieval.terms, retrieval.chunk_count)
    sentences = weigh_sentences(retrieval.query, retrieval.selected[:passages], terms)
    features = measure(retrieval, [sentence for sentence in sentences if sentence.passage < READ_PASSAGES])
    value = cosine([c.similarity for c in retrieval.selected]) if scorer == "cosine" else weights.probability(features)
    return Confidence(round(value, 4), scorer, features, sentences)


def cosine(similarities: Sequence[float]) -> float:
    """The older formula: the mean similarity of the selected passages, mapped from [-1, 1] to [0, 1]."""
    return sum((similarity + 1) / 2 for similarity in similarities) / len(similarities) if similarities else 0.0


@lru_cache(maxsize=1)
def default_calibration() -> dict[str, Any]:
    """The calibration that ships with the code: its weights, its report and what it was fitted on."""
    stored: dict[str, Any] = json.loads(DEFAULT_FILE.read_text(encoding="utf-8"))
    return stored
