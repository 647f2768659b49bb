"""The signals from which confidence is made: what one retrieval and its best sentences show. Pure.

Everything is relative (shares, gaps, z-scores), so that weights fitted on one corpus mean something on another, and
statistics come from the search itself, which leaves hidden passages out (a leak here once seemed to reach AUROC .94).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

from chat.evidence import WeighedSentence, rescale, term_weights
from retrieval.results import Retrieval, RetrievedChunk
from retrieval.text import fold, tokens

READ_PASSAGES = 3
NEAR = 8

# Leads over the second best and agreement of the two rankings were tried and left out: an organisation says a thing in
# several places, and then they count against an answer that is there (record 13).
FEATURES: tuple[str, ...] = (
    "best_similarity",
    "similarity_gap",
    "similarity_spread",
    "score_gap",
    "text_share",
    "coverage_best",
    "coverage_three",
    "heaviest_missing",
    "absent_share",
    "question_terms",
    "sentence_overlap",
    "sentence_similarity",
    "sentence_support",
    "sentence_in_best",
    "two_sentences_overlap",
    "best_similar_sentence",
    "expected_kind",
)

_EXPECTED: tuple[tuple[re.Pattern[str], re.Pattern[str]], ...] = tuple(
    (re.compile(rf"\b(?:{asked})\b"), re.compile(rf"\b(?:{held})"))
    for asked, held in (
        (
            "quant[oa]s?|qual (?:e )?(?:o |a )?(?:valor|preco|numero|percentual|idade|prazo|custo)",
            "[0-9]|(?:uma?|dois|duas|tres|quatro|cinco|seis|sete|oito|nove|dez|doze|quinze|vinte|trinta|cem|mil|metade)"
            "\\b|gratuit",
        ),
        (
            "quando|(?:em )?que (?:dia|data|ano|mes|horas?)|qual (?:e )?(?:o |a )?(?:data|horario|ano|dia)",
            "[0-9]|(?:janeiro|fevereiro|marco|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro|segunda|"
            "terca|quarta|quinta|sexta|sabado|domingo|antes|depois|apos|durante|semestre|seculo|dias?)\\b",
        ),
        ("onde|em que lugar|qual (?:e )?o (?:local|endereco)", "(?:em|na|no|nas|nos|ao|junto)\\b"),
        (
            "por ?que|por qual (?:motivo|razao)|qual (?:e )?(?:o motivo|a razao|a causa)",
            "(?:porque|pois|devido|para|visto|por)\\b|caus|motiv|raz",
        ),
    )
)
_WHO, _SOMEBODY = re.compile(r"\bquem\b"), re.compile(r"\b[A-ZÀ-Ý][a-zà-ÿ]{2,}")


def measure(retrieval: Retrieval, sentences: Sequence[WeighedSentence]) -> dict[str, float]:
    """Every signal by its name in `FEATURES`; `sentences` are those of the best three passages, best support first.

    A retrieval that found nothing has none: `{}`.
    """
    if not retrieval.candidates:
        return {}
    values = _similarity_signals(retrieval) | _text_signals(retrieval) | _sentence_signals(retrieval, sentences)
    return {name: round(values[name], 6) for name in FEATURES}


def as_vector(features: Mapping[str, float], names: Sequence[str] = FEATURES) -> np.ndarray:
    """`(len(names),) float64`, in the order of `names`."""
    return np.array([features[name] for name in names], dtype=np.float64)


def _similarity_signals(retrieval: Retrieval) -> dict[str, float]:
    similarities = sorted((chunk.similarity for chunk in retrieval.candidates), reverse=True)
    scores = sorted((chunk.score for chunk in retrieval.candidates), reverse=True)
    return {
        "best_similarity": similarities[0],
        "similarity_gap": _gap(similarities),
        "similarity_spread": float(np.std(similarities)),
        "score_gap": _gap(scores),
    }


def _text_signals(retrieval: Retrieval) -> dict[str, float]:
    weights = term_weights(retrieval.terms, retrieval.chunk_count)
    total = sum(weights.values()) or 1.0
    best, three = retrieval.candidates[0], retrieval.candidates[:READ_PASSAGES]
    held, held_by_three = _stems(best), frozenset().union(*(_stems(chunk) for chunk in three))
    missing = [weight for term, weight in weights.items() if term not in held]
    return {
        "text_share": max(chunk.text_score for chunk in retrieval.candidates) / total,
        "coverage_best": sum(weight for term, weight in weights.items() if term in held) / total,
        "coverage_three": sum(weight for term, weight in weights.items() if term in held_by_three) / total,
        "heaviest_missing": max(missing, default=0.0) / (max(weights.values(), default=0.0) or 1.0),
        "absent_share": sum(weights.get(term.term, 0.0) for term in retrieval.terms if term.idf == 0) / total,
        "question_terms": math.log1p(len(weights)),
    }


def _sentence_signals(retrieval: Retrieval, sentences: Sequence[WeighedSentence]) -> dict[str, float]:
    if not sentences:
        return dict.fromkeys(FEATURES[FEATURES.index("sentence_overlap") :], 0.0)
    best = sentences[0]
    two = sentences[:2]
    return {
        "sentence_overlap": best.overlap,
        "sentence_similarity": rescale(best.similarity),
        "sentence_support": best.support,
        "sentence_in_best": float(best.passage == 0),
        "two_sentences_overlap": sum(sentence.overlap for sentence in two) / len(two),
        "best_similar_sentence": rescale(max(sentence.similarity for sentence in sentences)),
        "expected_kind": holds_expected_kind(retrieval.query, best.text),
    }


def holds_expected_kind(question: str, sentence: str) -> float:
    """Whether `sentence` holds the kind of thing asked for: 1 yes, 0 no, .5 where the question names no kind."""
    asked, said = fold(question), fold(sentence)
    if _WHO.search(asked):
        return float(bool(_SOMEBODY.search(sentence)))
    for expects, holds in _EXPECTED:
        if expects.search(asked):
            return float(bool(holds.search(said)))
    return 0.5


def _stems(chunk: RetrievedChunk) -> frozenset[str]:
    return frozenset(tokens(f"{chunk.title} {chunk.section} {chunk.text}"))


def _gap(values: Sequence[float]) -> float:
    """How far the best stands above the next seven."""
    near = values[1:NEAR]
    return values[0] - sum(near) / len(near) if near else 0.0
