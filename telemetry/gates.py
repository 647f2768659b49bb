"""Whether a text can hold what a pattern looks for, told at the price of a look at its words.

Most patterns begin with one of a few words ("cpf", "meu nome", "rua"), and most texts have none of them. A gate states
what every match of its patterns holds, so a closed one changes no result: it only saves the search
(`tests/telemetry/test_gates.py` derives the words from the patterns themselves). Texts are readings.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Look:
    """A reading in lower case, and its words: the rows of letters in it."""

    low: str
    words: frozenset[str]


@functools.lru_cache(maxsize=8)  # the finders look at one text in turn, each for itself
def look_at(plain: str) -> Look:
    """The look of a reading."""
    low = plain.lower()
    return Look(low, frozenset(_WORD.findall(low)))


class Gate:
    """Open to texts with one of the words, one of `parts` (anywhere), or a match of `shape`."""

    def __init__(self, words: str = "", *parts: str, shape: str | None = None) -> None:
        self._words = frozenset(words.split())
        self._parts = parts
        self._shape = shape and re.compile(shape)

    def opens(self, look: Look) -> bool:
        """Whether the gated patterns are worth a search."""
        if not self._words.isdisjoint(look.words):
            return True
        for part in self._parts:  # a loop costs half of what `any` does
            if part in look.low:
                return True
        return bool(self._shape and self._shape.search(look.low))
