"""Whose judgements count, and how far: what AION learns by itself must not hang on one person's clicks.

Members of staff count in full. Of everybody else's judgements that count no one person gave more than a fifth: where
fewer than five people judged, none do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence

from django.contrib.auth import get_user_model

FEWEST_PEOPLE = 5


def counted(judges: Sequence[int | None]) -> list[bool]:
    """Which of these judgements count, the earliest of each person first; None are programs, together one person."""
    staff = set(get_user_model().objects.filter(is_staff=True, is_active=True).values_list("pk", flat=True))
    most = most_of_one(Counter(judge for judge in judges if judge not in staff), parts=FEWEST_PEOPLE)
    given: Counter[int | None] = Counter()
    kept = []
    for judge in judges:
        given[judge] += 1
        kept.append(judge in staff or given[judge] <= most)
    return kept


def most_of_one(given: Mapping[Hashable, int], *, parts: int) -> int:
    """The largest number that is no more than one part in `parts` of all if nobody gives more than it."""
    low, high = 0, max(given.values(), default=0)
    while low < high:
        middle = (low + high + 1) // 2
        if parts * middle <= sum(min(each, middle) for each in given.values()):
            low = middle
        else:
            high = middle - 1
    return low
