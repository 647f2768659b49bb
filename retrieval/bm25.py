"""BM25 over the postings of a scope (Robertson and Zaragoza, 2009), with Lucene's idf, which is never negative.

Every statistic - document frequency, chunk count, mean length - is of the searched scope with hidden chunks left out,
so that a hidden passage leaks into no score.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

K1 = 1.5
B = 0.75

TERM_SCORE = f"""idf * frequency * {K1 + 1}::float8
    / (frequency + {K1}::float8 * ({1 - B}::float8 + {B}::float8 * length / %(mean_length)s::float8))"""
"""One term's share of a chunk's score, in SQL, over `idf`, `frequency` and `length` (the chunk's number of terms).
Without the casts PostgreSQL computes in `numeric`, ten times slower."""

ENOUGH_POSTINGS = 20_000
"""A common term brings many postings and little weight: once the rarer terms of a question have brought this many,
they alone choose candidates (all terms still score them). Below it, as in a small installation, nothing is left out."""


def idf(frequency: int, chunk_count: int) -> float:
    """Inverse document frequency of a term that `frequency` of `chunk_count` chunks hold; 0 for an unknown term."""
    if frequency == 0:
        return 0.0
    return math.log(1.0 + (chunk_count - frequency + 0.5) / (frequency + 0.5))


def choosing_terms(frequencies: Mapping[str, int], *, enough: int = ENOUGH_POSTINGS) -> Sequence[str]:
    """The rarest known terms, as many as together have up to `enough` postings; at least one."""
    chosen: list[str] = []
    postings = 0
    for term, frequency in sorted(frequencies.items(), key=lambda item: item[1]):
        postings += frequency
        if chosen and postings > enough:
            break
        chosen.append(term)
    return chosen
