"""Which of many questions with answers say nearly the same as an earlier one. Pure; exact, not estimated.

Two are near where the stems of the questions that say what they are about, and the pairs of neighbouring stems of the
answers, have a Jaccard index of `NEAR` each, and both state the same figures. Prefix filtering (Chaudhuri et al., ICDE
2006) over an inverted index finds the pairs: sets that overlap so much share one of their rarest few members.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from chat.lessons.targets import renumbered
from retrieval.text import query_terms, tokens

NEAR = 0.8

Member = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    question: frozenset[Member]
    answer: frozenset[Member]
    figures: frozenset[str]

    @property
    def members(self) -> frozenset[Member]:
        """Both together: the index of the union is no less than the lesser of the two."""
        return self.question | self.answer

    def is_near(self, other: _Said) -> bool:
        return (
            self.figures == other.figures
            and jaccard(self.question, other.question) >= NEAR
            and jaccard(self.answer, other.answer) >= NEAR
        )


def near_duplicates(pairs: Sequence[tuple[str, str]]) -> dict[int, int]:
    """Of questions with answers, the best first: the places of those near an earlier one kept, and that one's place."""
    said = [_said(question, answer) for question, answer in pairs]
    count = Counter(member for each in said for member in each.members)
    kept: defaultdict[Member, list[int]] = defaultdict(list)
    near: dict[int, int] = {}
    for place, each in enumerate(said):
        rarest = sorted(each.members, key=lambda member: (count[member], member))
        prefix = rarest[: len(rarest) - math.ceil(NEAR * len(rarest)) + 1]
        candidates = dict.fromkeys(other for member in prefix for other in kept[member])
        twin = next((other for other in candidates if each.is_near(said[other])), None)
        if twin is not None:
            near[place] = twin
            continue
        for member in prefix:
            kept[member].append(place)
    return near


def jaccard(one: frozenset[Member], other: frozenset[Member]) -> float:
    """What both have of what either has; 1 where both have nothing."""
    either = len(one | other)
    return len(one & other) / either if either else 1.0


def _said(question: str, answer: str) -> _Said:
    words = tokens(renumbered(answer, {}))
    return _Said(
        question=frozenset((stem,) for stem in query_terms(question)),
        answer=frozenset(pairwise(words)) or frozenset(("", word) for word in words),
        figures=frozenset(word for word in (*tokens(question), *words) if word[0].isdigit()),
    )
