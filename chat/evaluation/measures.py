"""What one reply is worth beside its gold answers, one ranking beside its gold chunks. Pure; all in [0, 1]."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np

from chat.grounding import CITATION

_SOURCES = re.compile(r"\n\s*Fontes:.*\Z", re.DOTALL)
_ARTICLES = re.compile(r"\b(?:o|a|os|as|um|uma|uns|umas)\b")
_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation + "“”‘’–—…ºª°«»", " "))


def plain_reply(text: str) -> str:
    """The reply without citations and the line of sources."""
    return CITATION.sub("", _SOURCES.sub("", text)).strip()


def normalise(text: str) -> list[str]:
    """SQuAD's normalisation for Portuguese: lower case, no punctuation, no articles."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def token_f1(said: str, gold: str) -> float:
    """SQuAD's token F1."""
    ours, theirs = normalise(said), normalise(gold)
    common = sum((Counter(ours) & Counter(theirs)).values())
    if not common:
        return float(ours == theirs)
    precision, recall = common / len(ours), common / len(theirs)
    return 2 * precision * recall / (precision + recall)


def exact_match(said: str, gold: str) -> float:
    return float(normalise(said) == normalise(gold))


def contains(said: str, gold: str) -> float:
    """Whether the reply holds the gold answer, word by word."""
    return float(f" {' '.join(normalise(gold))} " in f" {' '.join(normalise(said))} ")


def ndcg(hits: Sequence[bool], gold: int) -> float:
    """nDCG at 10 with hits that are all worth the same, of `gold` there are to find."""
    gained = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits[:10], start=1) if hit)
    return gained / sum(1 / math.log2(rank + 1) for rank in range(1, min(gold, 10) + 1))


def reciprocal_rank(hits: Sequence[bool]) -> float:
    return next((1 / rank for rank, hit in enumerate(hits, start=1) if hit), 0.0)


def percentiles(values: Collection[float]) -> dict[str, float | None]:
    """p50 and p95; None where there is nothing."""
    if not values:
        return {"p50": None, "p95": None}
    p50, p95 = np.percentile(np.array(list(values)), [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}
