"""Two runs beside each other, question by question. Pure.

Only questions that both asked alike are compared; the intervals are of the mean difference, by resampling documents as
`chat.evaluation.intervals` does. Whether it is clear says `chat.evaluation.chance`, which does not trust few documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chat.evaluation.chance import p_of_gain
from chat.evaluation.intervals import Interval, Sample
from chat.models import EvaluationAnswer

Pair = tuple[EvaluationAnswer, EvaluationAnswer]  # before, after
CHANCE = 0.05
MEASURES = ("right", "f1", "contains", "found")


@dataclass(frozen=True, slots=True)
class Difference:
    """What `measure` gained over `n` questions; `interval` is None where one document says nothing about others;
    `is_clear` where it could hardly be chance."""

    measure: str
    n: int
    before: float
    after: float
    gained: float
    interval: Interval | None
    is_clear: bool


def paired(before: Iterable[EvaluationAnswer], after: Iterable[EvaluationAnswer]) -> list[Pair]:
    """The answers to what both were asked, in the order of `after`."""
    known = {one.key: one for one in before}
    return [(known[one.key], one) for one in after if one.key in known]


def differences(pairs: Sequence[Pair]) -> list[Difference]:
    """By measure, as far as both runs have it."""
    return [found for measure in MEASURES if (found := _difference(measure, pairs)) is not None]


def flipped(pairs: Sequence[Pair]) -> tuple[list[Pair], list[Pair]]:
    """Those that were right and are wrong now, and those that were wrong and are right now."""
    lost = [pair for pair in pairs if pair[0].right is True and pair[1].right is False]
    won = [pair for pair in pairs if pair[0].right is False and pair[1].right is True]
    return lost, won


def _difference(measure: str, pairs: Sequence[Pair]) -> Difference | None:
    values = [(getattr(before, measure), getattr(after, measure), after.place) for before, after in pairs]
    both = [(float(one), float(other), place) for one, other, place in values if one is not None and other is not None]
    if not both:
        return None
    gained = Sample(tuple(other - one for one, other, _place in both), tuple(place for *_both, place in both))
    losses = [-value for value in gained.values]
    p = 2 * min(p_of_gain(gained.values, gained.groups), p_of_gain(losses, gained.groups))
    return Difference(
        measure=measure,
        n=len(both),
        before=sum(one for one, _other, _place in both) / len(both),
        after=sum(other for _one, other, _place in both) / len(both),
        gained=gained.mean or 0.0,
        interval=gained.interval,
        is_clear=p < CHANCE,
    )
