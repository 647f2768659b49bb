"""How sure AION is that the documents answer a question: C in [0, 1]. Two scorers; pure numpy, no fitting.

`cosine` is the older formula, kept; it cannot gate with E5 (every question scores .89-.95). `calibrated` is a
logistic on the signals of `chat.features`, fitted by `chat.calibration`: a probability one can set a threshold on.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from chat.evidence import Weighed, sentence_vectors, term_weights, weigh_sentences
from chat.features import FEATURES, READ_PASSAGES, as_vector, measure
from retrieval.embeddings import get_embedder
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
    def from_json(cls, stored: Mapping[str, Any], known: Sequence[str] = FEATURES) -> Weights:
        """Raises KeyError or ValueError where `stored` is not what `to_json` made, or names a signal not `known`."""
        unknown = set(stored["features"]) - set(known)
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
class Reading:
    """What a retrieval shows: its signals, the weighed sentences of the passages read, and what embedding them took."""

    features: Mapping[str, float]
    sentences: Weighed
    embed_ms: float


@dataclass(frozen=True, slots=True)
class Confidence:
    """C, what made it, and the reading it rests on (the evidence uses its sentences again)."""

    value: float
    scorer: str
    reading: Reading


def read(retrieval: Retrieval, *, passages: int) -> Reading:
    """Weigh the sentences of the best `passages` selected ones and measure every signal. Raises `EmbeddingFailed`."""
    if not retrieval.selected:
        return Reading({}, (), 0.0)
    began = time.monotonic()
    question = get_embedder(retrieval.embedder).query(retrieval.query)
    chunks = retrieval.selected[:passages]
    vectors = [sentence_vectors(retrieval.embedder, chunk.text) for chunk in chunks]
    embed_ms = (time.monotonic() - began) * 1000
    sentences = weigh_sentences(question, chunks, vectors, term_weights(retrieval.terms, retrieval.chunk_count))
    features = measure(retrieval, [sentence for sentence in sentences if sentence.passage < READ_PASSAGES])
    return Reading(features, sentences, embed_ms)


def score(retrieval: Retrieval, reading: Reading, *, scorer: str, weights: Weights) -> Confidence:
    """C of one retrieval; 0 where nothing was found."""
    if not retrieval.selected:
        return Confidence(0.0, scorer, reading)
    value = cosine(retrieval) if scorer == "cosine" else weights.probability(reading.features)
    return Confidence(round(value, 4), scorer, reading)


def cosine(retrieval: Retrieval) -> float:
    """The older formula: the mean similarity of the selected passages, mapped from [-1, 1] to [0, 1]."""
    similarities = [(chunk.similarity + 1) / 2 for chunk in retrieval.selected]
    return sum(similarities) / len(similarities) if similarities else 0.0


@lru_cache(maxsize=1)
def default_calibration() -> dict[str, Any]:
    """The calibration that ships with the code: its weights, its report and what it was fitted on."""
    stored: dict[str, Any] = json.loads(DEFAULT_FILE.read_text(encoding="utf-8"))
    return stored
