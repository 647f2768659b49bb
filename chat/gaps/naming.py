"""A few words that tell one subject from the others. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log

from retrieval.text import query_terms

WORDS = 3
_WORD = re.compile(r"[^\W\d_]{3,}")  # no numbers: those of documents and telephones name nobody's subject


def spread_of(texts: Sequence[str]) -> Counter[str]:
    """In how many of the texts each stem stands."""
    return Counter(stem for text in texts for stem in _words(text))


def name_of(texts: Sequence[str], example: str, everywhere: Mapping[str, int], total: int) -> str:
    """Up to three words as they were typed, in the order of `example`: frequent here, rare among all `total` texts.

    Only words that at least two of the texts hold, so that the name of a person in one of them names no subject.
    """
    here = spread_of(texts)
    score = {
        stem: count / len(texts) * log(1 + total / everywhere.get(stem, 1)) for stem, count in here.items() if count > 1
    }
    best = sorted(score, key=lambda stem: (-score[stem], stem))[:WORDS]
    order = list(_words(example))
    best.sort(key=lambda stem: order.index(stem) if stem in order else len(order))
    typed: dict[str, Counter[str]] = {stem: Counter() for stem in best}
    for text in texts:
        for stem, word in _words(text).items():
            if stem in typed:
                typed[stem][word] += 1
    return " · ".join(typed[stem].most_common(1)[0][0] for stem in best)[:120]


def _words(text: str) -> dict[str, str]:
    """The words that say what a text is about, by stem."""
    about = set(query_terms(text))
    found: dict[str, str] = {}
    for word in _WORD.findall(text.lower()):
        stems = query_terms(word)
        if len(stems) == 1 and stems[0] in about:
            found.setdefault(stems[0], word)
    return found
