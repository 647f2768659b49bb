"""One figure, and how it is printed: a JSON object a line. Knows nothing of what is measured."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Line:
    """`metric` of AION in `case`, and the same of `peer` where there is one.

    `conditions` hold `n`, `interval_95` and whatever else the figure depends on.
    """

    case: str
    metric: str
    value: float | None
    peer: str = ""
    peer_value: float | None = None
    conditions: Mapping[str, object] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """AION's figure by the peer's, to three digits."""
        if self.value is None or not self.peer_value:
            return None
        return float(f"{self.value / self.peer_value:.3g}")

    def to_json(self, benchmark: str, run: Mapping[str, object]) -> str:
        """The line; `run` says when, where and how: it joins the conditions, as does the peer's name."""
        row = {"benchmark": benchmark, "case": self.case, "metric": self.metric, "value": _rounded(self.value)}
        row |= {"peer": _rounded(self.peer_value), "ratio": self.ratio}
        peer = {"peer": self.peer} if self.peer else {}
        return json.dumps(row | {"conditions": peer | dict(self.conditions) | dict(run)}, ensure_ascii=False)


def beside(
    case: str, metric: str, value: float | None, peers: Mapping[str, float | None], **conditions: object
) -> Iterator[Line]:
    """A line for each peer that has this figure; a line without one where none has."""
    known = {name: figure for name, figure in peers.items() if figure is not None}
    for name, figure in known.items():
        yield Line(case, metric, value, name, figure, conditions)
    if not known:
        yield Line(case, metric, value, conditions=conditions)


def skipped(case: str, why: str) -> Line:
    """Says that `case` was not measured, and what it would take."""
    return Line(case, SKIPPED, None, conditions={"why": why})


def _rounded(value: float | None) -> float | None:
    """Four decimals for shares, fewer for what is large."""
    if value is None:
        return None
    return round(value, 4 if abs(value) < 10 else 1)
