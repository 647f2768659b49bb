"""The bins of distributions: 20 equal ones of a confidence, 20 a decade of milliseconds. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

CONFIDENCE_BINS = 20
LATENCY_BINS = 120  # from 0.1 ms to 100 s; the first holds what is shorter, the last what is longer
BINS_A_DECADE = 20  # neighbours differ by 12 %, so a percentile read from them is off by less
SHORTEST_MS = 0.1
Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Interval:
    """The 95 % interval of a share."""

    low: float
    high: float


def confidence_edges() -> tuple[float, ...]:
    """The `CONFIDENCE_BINS` + 1 edges in [0, 1]."""
    return tuple(place / CONFIDENCE_BINS for place in range(CONFIDENCE_BINS + 1))


def latency_edge(place: int) -> float:
    """Where latency bin `place` begins, in milliseconds."""
    return float(SHORTEST_MS * 10 ** (place / BINS_A_DECADE))


def percentile_ms(counts: Mapping[int, int], share: float) -> float | None:
    """The milliseconds below which `share` of them lie, by their counts in latency bins; None of none."""
    wanted, below = share * sum(counts.values()), 0
    for place in sorted(counts):
        if counts[place] and below + counts[place] >= wanted:
            into = (wanted - below) / counts[place]
            return float(latency_edge(place) * 10 ** (into / BINS_A_DECADE))
        below += counts[place]
    return None


def wilson(hits: int, n: int) -> Interval | None:
    """Wilson's score interval of `hits` among `n` (Wilson 1927, JASA 22:209); None of none."""
    if not n:
        return None
    share, z2 = hits / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    reach = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(max(0.0, middle - reach), min(1.0, middle + reach))


def filled(counts: Mapping[int, int], bins: int) -> tuple[int, ...]:
    """The count of each bin, empty ones included."""
    return tuple(counts.get(place, 0) for place in range(bins))
