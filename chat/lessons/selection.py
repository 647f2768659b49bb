"""Which rows stay: one answer a question, nothing twice or nearly so, no document and no section too much. Pure.

Rows come newest first, and of those that cannot all stay the newest do. Record 24 has the reasons of the numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence

from chat.judges import most_of_one
from chat.lessons.rows import Row, draw
from chat.lessons.similar import near_duplicates
from chat.lessons.split import normal
from chat.lessons.targets import renumbered
from telemetry.training_sets import Exclusion

DOCUMENT_PARTS, DOCUMENT_FLOOR = 5, 50  # no document gives more than one part of so many, or than so many rows
SECTION_PARTS, SECTION_FLOOR = 10, 20

Kept = tuple[list[Row], Mapping[str, Exclusion]]


def distinct(rows: Sequence[Row]) -> Kept:
    """One row a question, and of those that say nearly the same one; why each other left, by its id."""
    left: dict[str, Exclusion] = {}
    newest: dict[str, Row] = {}
    for row in rows:
        first = newest.setdefault(normal(row.question), row)
        if first is not row:
            same = _plain(first.target) == _plain(row.target)
            left[row.lesson.id] = Exclusion.DUPLICATE if same else Exclusion.CONTRADICTED
    kept = list(newest.values())
    near = near_duplicates([(row.question, row.target) for row in kept])
    left |= {kept[place].lesson.id: Exclusion.NEAR_DUPLICATE for place in near}
    return [row for place, row in enumerate(kept) if place not in near], left


def balanced(rows: Sequence[Row]) -> Kept:
    """No section and no document beyond its share; the document's holds exactly, since it is the last to be cut."""
    in_sections, left = _capped(rows, lambda row: row.section, SECTION_PARTS, SECTION_FLOOR, Exclusion.SECTION_SHARE)
    kept, more = _capped(
        in_sections, lambda row: row.document, DOCUMENT_PARTS, DOCUMENT_FLOOR, Exclusion.DOCUMENT_SHARE
    )
    return kept, {**left, **more}


def in_training_order(rows: Sequence[Row]) -> list[Row]:
    """Mixed, and always in the same way."""
    return sorted(rows, key=lambda row: (draw(row.lesson.id), row.lesson.id))


def _capped(rows: Sequence[Row], key: Callable[[Row], Hashable], parts: int, floor: int, reason: Exclusion) -> Kept:
    most = max(floor, most_of_one(Counter(map(key, rows)), parts=parts))
    given: Counter[Hashable] = Counter()
    kept: list[Row] = []
    left: dict[str, Exclusion] = {}
    for row in rows:
        given[key(row)] += 1
        if given[key(row)] <= most:
            kept.append(row)
        else:
            left[row.lesson.id] = reason
    return kept, left


def _plain(target: str) -> str:
    return normal(renumbered(target, {}))
