"""Whether paired differences could be chance: documents' differences with their signs drawn anew. Pure.

The sign-flip test of `inference.clustered`, by which adapters are judged too. It stays honest where only a few
documents differ at all, which is the usual case between two runs (docs/decisions/0035).
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.clustered import Clustered


def p_of_gain(gains: Sequence[float], places: Sequence[str]) -> float:
    """One-sided p of "the gains are not above 0", gains of one place flipping together; 1 where nothing differs."""
    return Clustered(gains, places).p_above() if gains else 1.0
