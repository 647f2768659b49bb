"""Whether live signals got worse since an adapter serves. Pure: it gets outcomes, oldest first, and says what it finds.

Each signal is looked at when 20, 50, 100, 200, 400 and 800 of its outcomes are there, always the first so many, however
often somebody asks. So there are `TESTS` tests of one promotion, and each may take no more than its share (Bonferroni)
of the chance of a false alarm. A test is Fisher's exact one, one-sided, against the outcomes before. A difference is
doubtful where chance alone would show one in at most 5 % of promotions; it is a breach where that is at most .1 % and
the share of bad outcomes grew by at least `MATERIAL`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, lgamma

LOOKS = (20, 50, 100, 200, 400, 800)
SIGNALS = ("errors", "unsupported", "disliked")
TESTS = len(LOOKS) * len(SIGNALS)
DOUBTFUL, BREACH = 0.05 / TESTS, 0.001 / TESTS
MATERIAL = 0.05
FEWEST_BEFORE = 50
NEGLIGIBLE = 1e-18


class Level(StrEnum):
    DOUBTFUL = "doubtful"
    BREACH = "breach"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One signal before and since; True is bad."""

    signal: str
    before: Sequence[bool]
    since: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Finding:
    """A signal that got worse: shares of bad outcomes, over how many, and the uncorrected p of the look that saw it."""

    signal: str
    level: Level
    before: float
    since: float
    count: int
    p: float


def judge(signals: Iterable[Outcomes]) -> Finding | None:
    """The worst that any look at any signal finds; None where nothing is doubtful."""
    found = [finding for outcomes in signals for finding in _looks(outcomes)]
    return max(found, key=lambda one: (one.level is Level.BREACH, -one.p), default=None)


def _looks(outcomes: Outcomes) -> Iterable[Finding]:
    count_before, bad_before = len(outcomes.before), sum(outcomes.before)
    if count_before < FEWEST_BEFORE:
        return
    for count in LOOKS:
        if len(outcomes.since) < count:
            return
        bad = sum(outcomes.since[:count])
        share_before, share = bad_before / count_before, bad / count
        p = chance_of_more(bad, count, bad_before, count_before)
        if p > DOUBTFUL:
            continue
        clear = p <= BREACH and share - share_before >= MATERIAL
        yield Finding(outcomes.signal, Level.BREACH if clear else Level.DOUBTFUL, share_before, share, count, p)


def chance_of_more(bad: int, count: int, bad_before: int, count_before: int) -> float:
    """Fisher's exact test, one-sided: the chance of at least `bad` of the bad outcomes of both among these `count`."""
    all_bad, everything = bad + bad_before, count + count_before
    term = _hypergeometric(bad, count, all_bad, everything)
    total = 0.0
    for number in range(bad, min(all_bad, count) + 1):
        total += term
        term *= (all_bad - number) * (count - number) / ((number + 1) * (everything - all_bad - count + number + 1))
        if term < NEGLIGIBLE * total:
            break
    return min(total, 1.0)


def _hypergeometric(number: int, count: int, marked: int, everything: int) -> float:
    chosen = _log_choose(marked, number) + _log_choose(everything - marked, count - number)
    return exp(chosen - _log_choose(everything, count))


def _log_choose(of: int, chosen: int) -> float:
    return lgamma(of + 1) - lgamma(chosen + 1) - lgamma(of - chosen + 1)
