"""Whether paired differences could be chance: documents' differences with their signs drawn anew. Pure.

A sign-flip test (Fisher's, by cluster): if nothing got better, each document could as well have differed the other way.
It stays honest where only a few documents differ at all, which is the usual case between two runs; a bootstrap of the
mean, studentised or not, called four questions of sixty certain (docs/decisions/0035).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

SEED = 2026
DRAWS = 9_999
ENUMERATED = 12  # documents that differ; 4096 ways are all looked at


def p_of_gain(gains: Sequence[float], places: Sequence[str]) -> float:
    """One-sided p of "the gains are not above 0", gains of one place flipping together; 1 where nothing differs."""
    if not gains:
        return 1.0
    members = np.unique(np.asarray(places), return_inverse=True)[1]
    sums = np.bincount(members, weights=np.asarray(gains, float))
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    seen = sums.sum() - 1e-9
    if len(sums) <= ENUMERATED:
        return float((np.array(list(product((-1, 1), repeat=len(sums)))) @ sums >= seen).mean())
    signs = np.random.default_rng(SEED).choice(np.array([-1, 1]), size=(DRAWS, len(sums)))
    return float((1 + (signs @ sums >= seen).sum()) / (1 + DRAWS))
