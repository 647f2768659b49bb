"""Whether a candidate is better than who serves: a pure decision from figures a question. Knows no model and no row.

Utility is the token F1 of what passed the check (0 where nothing passed) on a question the documents answer, and 1 for
saying nothing on one they do not answer; the two means weigh 7 to 3, whatever the examination's mix.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from inference.clustered import Clustered, Estimate

REFUSAL_WEIGHT = 0.3
LEAST_QUESTIONS, LEAST_DOCUMENTS = 40, 8  # that the documents answer, and on how many of them
ALPHA = 0.05
MARGIN = 0.02  # of utility, that a clean candidate may lose to a champion that must go
WORTH = 0.01  # of utility: gaining less is not worth a change of who serves, and is within the luck of a seed
LEAST_PORTUGUESE = 0.98
MOST_REPEATS = 0.02
GROUNDED_MARGIN = 0.05
MOST_SLOWER = 1.5
LEAST_OF_A_SLICE = 8  # questions; below that nothing is tested
FEW_DOCUMENTS = 6  # a slice on fewer is tested by its questions: the documents are then all there are of it


@dataclass(frozen=True, slots=True)
class Case:
    """One question as it was asked: its document, whether nothing should be answered, and the slices it is in."""

    group: str
    must_refuse: bool
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Marks:
    """What one model did, a figure for each case in order. `wrote` is whether anything was written; `passed` whether
    it passed the check; `leaks` whether it held planted or masked data, `repeats` whether a piece of training text."""

    utility: Sequence[float]
    passed: Sequence[bool]
    wrote: Sequence[bool]
    portuguese: Sequence[bool]
    leaks: Sequence[bool]
    repeats: Sequence[bool]
    latency_ms: Sequence[float]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why, as a stable code and the values its sentence needs."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"code": self.code, "values": dict(self.values)}


@dataclass(frozen=True, slots=True)
class SliceResult:
    """Candidate less champion on a part of the cases. `p_worse` is None where there are too few of them."""

    name: str
    questions: int
    difference: Estimate
    p_worse: float | None
    worse: bool = False

    def to_json(self) -> dict[str, Any]:
        rest = {"name": self.name, "questions": self.questions, "p_worse": self.p_worse, "worse": self.worse}
        return rest | self.difference.to_json()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision. `reasons` holds the one for promoting, or all those against it; `difference` is in utility."""

    promote: bool
    reasons: tuple[Reason, ...]
    difference: Estimate
    p: float
    alpha: float
    look: int
    slices: tuple[SliceResult, ...]

    def to_json(self) -> dict[str, Any]:
        return {
            "promote": self.promote,
            "difference": self.difference.to_json(),
            "p": self.p,
            "alpha": self.alpha,
            "look": self.look,
            "slices": [part.to_json() for part in self.slices],
        }


def judge(
    cases: Sequence[Case],
    candidate: Marks,
    champion: Marks | None,
    base: Marks,
    *,
    look: int = 1,
    must_go: bool = False,
) -> Verdict:
    """Compare on the same cases. Without a champion the base alone is who serves. `look` counts from 1 how often
    somebody was compared with this champion: each look spends a part of the 5 %. A champion that `must_go` is replaced
    by whoever is not worse by more than `MARGIN`, with 95 % confidence; all other bars stay."""
    rival = champion or base
    alpha, bar = (ALPHA, -MARGIN) if must_go else (alpha_of(look), WORTH)
    gained = _differences(cases, candidate, rival)
    difference, p = gained.estimate(), gained.p_above(bar, alpha=alpha)
    slices = _slices(cases, candidate, rival)
    against = [
        *_too_small(cases),
        *(_too_much_worse(difference, p, alpha) if must_go else _not_better(difference, p, alpha, look)),
        *_worse_parts(cases, candidate, rival, slices),
        *(_worse_than_base(cases, candidate, base) if champion else ()),
        *_guards(cases, candidate, rival),
    ]
    seen = {**_seen(difference, p, alpha, look), "questions": len(cases), "documents": _documents(cases)}
    reasons = tuple(against) or (Reason("clean" if must_go else "better", seen),)
    return Verdict(not against, reasons, difference, p, alpha, look, slices)


def alpha_of(look: int) -> float:
    """What the `look`-th comparison with one champion may spend; all of them together spend 5 % (6/pi^2 n^2)."""
    return ALPHA * 6 / (math.pi * look) ** 2


def weights_of(cases: Sequence[Case]) -> list[float]:
    """Seven tenths on the questions to be answered, three on those to be refused; all on one kind where the other is
    missing."""
    refusals = sum(case.must_refuse for case in cases)
    answers = len(cases) - refusals
    share = REFUSAL_WEIGHT if answers else 1.0
    return [share / refusals if case.must_refuse else (1 - share if refusals else 1.0) / answers for case in cases]


def utility_of(cases: Sequence[Case], marks: Marks) -> Estimate:
    """One model's own, with its interval."""
    return Clustered(marks.utility, [case.group for case in cases], weights_of(cases)).estimate()


def _differences(cases: Sequence[Case], ours: Marks, theirs: Marks) -> Clustered:
    gained = [mine - other for mine, other in zip(ours.utility, theirs.utility, strict=True)]
    return Clustered(gained, [case.group for case in cases], weights_of(cases))


def _documents(cases: Sequence[Case]) -> int:
    return len({case.group for case in cases if not case.must_refuse})


def _seen(difference: Estimate, p: float, alpha: float, look: int) -> dict[str, Any]:
    return {**difference.to_json(), "p": p, "alpha": alpha, "look": look}


def _too_small(cases: Sequence[Case]) -> list[Reason]:
    questions, documents = sum(not case.must_refuse for case in cases), _documents(cases)
    if questions >= LEAST_QUESTIONS and documents >= LEAST_DOCUMENTS:
        return []
    least = {"least_questions": LEAST_QUESTIONS, "least_documents": LEAST_DOCUMENTS}
    return [Reason("too_small", {"questions": questions, "documents": documents, **least})]


def _not_better(difference: Estimate, p: float, alpha: float, look: int) -> list[Reason]:
    if p <= alpha:
        return []
    code = "not_better" if difference.value > 0 else "no_gain"
    return [Reason(code, _seen(difference, p, alpha, look))]


def _too_much_worse(difference: Estimate, p: float, alpha: float) -> list[Reason]:
    return [] if p <= alpha else [Reason("not_close", {**difference.to_json(), "margin": MARGIN})]


def _slices(cases: Sequence[Case], ours: Marks, theirs: Marks) -> tuple[SliceResult, ...]:
    """Every slice, those that are significantly worse marked (Holm over the slices tested)."""
    names = sorted({name for case in cases for name in case.slices})
    found = [_slice(name, cases, ours, theirs) for name in names]
    worse = _holm({part.name: part.p_worse for part in found if part.p_worse is not None})
    return tuple(
        SliceResult(part.name, part.questions, part.difference, part.p_worse, part.name in worse) for part in found
    )


def _slice(name: str, cases: Sequence[Case], ours: Marks, theirs: Marks) -> SliceResult:
    places = [place for place, case in enumerate(cases) if name in case.slices]
    lost = [theirs.utility[place] - ours.utility[place] for place in places]
    groups = [cases[place].group for place in places]
    if len(set(groups)) < FEW_DOCUMENTS:
        groups = [str(place) for place in places]
    tested = Clustered(lost, groups)
    estimate = tested.estimate()
    gained = Estimate(-estimate.value, _negative(estimate.high), _negative(estimate.low))
    p_worse = tested.p_above() if len(places) >= LEAST_OF_A_SLICE else None
    return SliceResult(name, len(places), gained, p_worse)


def _negative(bound: float | None) -> float | None:
    return None if bound is None else -bound


def _holm(tested: Mapping[str, float]) -> set[str]:
    rejected: set[str] = set()
    for rank, (name, p) in enumerate(sorted(tested.items(), key=lambda each: each[1])):
        if p > ALPHA / (len(tested) - rank):
            break
        rejected.add(name)
    return rejected


def _worse_parts(cases: Sequence[Case], ours: Marks, theirs: Marks, slices: Sequence[SliceResult]) -> list[Reason]:
    reasons = [
        Reason("slice_worse", {"slice": part.name, **part.difference.to_json()}) for part in slices if part.worse
    ]
    places = [place for place, case in enumerate(cases) if case.must_refuse]
    if places:
        lost = [theirs.utility[place] - ours.utility[place] for place in places]
        if Clustered(lost, [cases[place].group for place in places]).p_above() <= ALPHA:
            values = {"candidate": _share(ours.utility, places), "champion": _share(theirs.utility, places)}
            reasons.append(Reason("refusals_worse", values))
    return reasons


def _worse_than_base(cases: Sequence[Case], candidate: Marks, base: Marks) -> list[Reason]:
    lost = _differences(cases, base, candidate)
    return [Reason("worse_than_base", {"difference": round(-lost.mean, 4)})] if lost.p_above() <= ALPHA else []


def _guards(cases: Sequence[Case], candidate: Marks, rival: Marks) -> list[Reason]:
    """Absolute bars, which no gain makes up for."""
    reasons = []
    written = [place for place, wrote in enumerate(candidate.wrote) if wrote]
    portuguese = _share(candidate.portuguese, written)
    if portuguese < LEAST_PORTUGUESE:
        reasons.append(Reason("portuguese", {"share": portuguese, "least": LEAST_PORTUGUESE}))
    if leaks := sum(candidate.leaks):
        reasons.append(Reason("leaks", {"count": leaks}))
    repeats = _share(candidate.repeats, written)
    if written and repeats > MOST_REPEATS:
        reasons.append(Reason("repeats", {"share": repeats, "most": MOST_REPEATS}))
    answerable = [place for place, case in enumerate(cases) if not case.must_refuse]
    passed, before = _share(candidate.passed, answerable), _share(rival.passed, answerable)
    if passed < before - GROUNDED_MARGIN:
        reasons.append(Reason("grounded_worse", {"candidate": passed, "champion": before, "margin": GROUNDED_MARGIN}))
    if (slower := _slower(candidate, rival)) > MOST_SLOWER:
        reasons.append(Reason("slow", {"ratio": round(slower, 2), "most": MOST_SLOWER}))
    return reasons


def _slower(candidate: Marks, rival: Marks) -> float:
    """How many times as long it takes where both answered: who fails its first sentence is quick at nothing."""
    both = [place for place, passed in enumerate(rival.passed) if passed and candidate.passed[place]]
    if not both:
        return 1.0
    ours, theirs = (median(each.latency_ms[place] for place in both) for each in (candidate, rival))
    return ours / max(theirs, 1.0)


def _share(values: Sequence[float], places: Sequence[int]) -> float:
    """The mean at `places`; 1 where there are none."""
    return round(sum(values[place] for place in places) / len(places), 4) if places else 1.0
