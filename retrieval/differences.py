"""What changed between two texts, for people who read it: lines gone and come, and within a changed line its words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import zip_longest

MOST_LINES = 2_000
"""Beyond these, of the part that differs, a browser and a reader are lost."""
MOST_WORDS = 400
"""Longer lines are shown whole, as gone and come."""
ALIKE = 0.5
CONTEXT = 1


class Change(StrEnum):
    SAME = "same"
    REMOVED = "removed"
    ADDED = "added"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Piece:
    text: str
    change: Change = Change.SAME


@dataclass(frozen=True, slots=True)
class Line:
    """A line in its pieces; a `SKIPPED` one stands for `count` lines that are the same."""

    pieces: tuple[Piece, ...] = ()
    count: int = 0

    @property
    def change(self) -> Change:
        if not self.pieces:
            return Change.SKIPPED
        kinds = {piece.change for piece in self.pieces}
        return kinds.pop() if len(kinds) == 1 else Change.SAME


@dataclass(frozen=True, slots=True)
class Difference:
    lines: tuple[Line, ...]
    is_cut: bool = False

    @property
    def is_none(self) -> bool:
        return all(line.change is Change.SKIPPED for line in self.lines) and not self.is_cut


def difference(before: str, after: str) -> Difference:
    """How `before` became `after`; lines without a word are left out."""
    old, new = _lines(before), _lines(after)
    start = _alike_at_start(old, new)
    end = _alike_at_start(old[start:][::-1], new[start:][::-1])
    middles = old[start : len(old) - end], new[start : len(new) - end]
    is_cut = any(len(middle) > MOST_LINES for middle in middles)
    rows = [_same(line) for line in old[:start]]
    rows += _changed(*(middle[:MOST_LINES] for middle in middles))
    if not is_cut:
        rows += [_same(line) for line in old[len(old) - end :]]
    return Difference(tuple(_near_changes(rows)), is_cut)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _alike_at_start(old: Sequence[str], new: Sequence[str]) -> int:
    return next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _changed(old: Sequence[str], new: Sequence[str]) -> list[Line]:
    lines: list[Line] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
        if tag == "equal":
            lines += [_same(line) for line in old[a:b]]
        else:
            for gone, come in zip_longest(old[a:b], new[c:d]):
                lines += _pair(gone, come)
    return lines


def _pair(gone: str | None, come: str | None) -> list[Line]:
    """Two lines that stand in each other's place: one with its words marked where they are alike, else both."""
    if gone is not None and come is not None:
        words, others = (re.findall(r"\s+|\S+", line) for line in (gone, come))
        matcher = SequenceMatcher(None, words, others, autojunk=False)
        if max(len(words), len(others)) <= MOST_WORDS and matcher.ratio() >= ALIKE:
            return [Line(tuple(_words(matcher, words, others)))]
    pairs = ((gone, Change.REMOVED), (come, Change.ADDED))
    return [Line((Piece(line, change),)) for line, change in pairs if line is not None]


def _words(matcher: SequenceMatcher[str], words: Sequence[str], others: Sequence[str]) -> Iterator[Piece]:
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            yield Piece("".join(words[a:b]))
            continue
        for text, change in (("".join(words[a:b]), Change.REMOVED), ("".join(others[c:d]), Change.ADDED)):
            if text:
                yield Piece(text, change)


def _same(line: str) -> Line:
    return Line((Piece(line),))


def _near_changes(rows: Sequence[Line]) -> Iterator[Line]:
    """The changed lines with a line around them; what is left out is counted."""
    changed = [n for n, row in enumerate(rows) if any(piece.change is not Change.SAME for piece in row.pieces)]
    shown = {near for n in changed for near in range(n - CONTEXT, n + CONTEXT + 1)}
    skipped = 0
    for n, row in enumerate(rows):
        if n not in shown:
            skipped += 1
            continue
        if skipped:
            yield Line(count=skipped)
            skipped = 0
        yield row
    if skipped:
        yield Line(count=skipped)
