"""How a text is read when personal data is looked for: letter for letter in ASCII, without what decorates.

Accents, look-alike digits and dashes, Markdown's marks and quotation marks have no say; what is invisible is left out.
Long texts are read in overlapping pieces, so that no pattern costs more than the length of a piece.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from tarja.normalise import is_invisible, normalise_text

_HIDDEN = "\0"
_MARKS = frozenset('*_~`"“”„«»º°ª')  # what stands around an identifier: "**529…**", "_ABC1D23_", "nº529"
_PLACEHOLDER = re.compile(r"\[[A-Z]{2,24}(?:_[A-Z]{1,24}){0,3}_\d{1,6}\]")
PIECE = 4000  # characters
MARGIN = 256  # of context on both sides; nothing that is found is longer


class _Readings(dict[int, str]):
    """Each character's reading, one ASCII character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        self[code] = _reading_of(chr(code))
        return self[code]


def _reading_of(char: str) -> str:
    if is_invisible(char) or unicodedata.category(char) == "Me":
        return _HIDDEN
    if char in _MARKS:
        return " "
    if char.isdigit():
        return str(unicodedata.digit(char))
    if char.isspace():
        return "\n" if char in "\n\v\f\x85\u2028\u2029" else " "
    plain = unicodedata.normalize("NFKD", normalise_text(char))[0]
    if plain.isascii():
        return plain
    return _READING_BY_CATEGORY.get(unicodedata.category(char), "x" if char.isalpha() else ".")


_READING_BY_CATEGORY = {"Pd": "-", "Sc": "$", "Pi": "'", "Pf": "'", "So": " "}
_READINGS = _Readings()


def read(text: str) -> tuple[str, Sequence[int]]:
    """The reading of `text`, case kept, and the place in `text` of each of its characters."""
    text = _PLACEHOLDER.sub(lambda match: f"[{'#' * (len(match[0]) - 2)}]", text)
    plain = text.translate(_READINGS)
    if _HIDDEN not in plain:
        return plain, range(len(plain))
    places = [place for place, char in enumerate(plain) if char != _HIDDEN]
    return plain.replace(_HIDDEN, ""), places


def pieces(plain: str) -> Iterator[tuple[int, str, range]]:
    """Where each piece begins, the piece, and the places in it whose finds are its own, not a neighbour's."""
    for start in range(0, max(len(plain) - 2 * MARGIN, 1), PIECE - 2 * MARGIN):
        piece = plain[start : start + PIECE]
        first = MARGIN if start else 0
        yield start, piece, range(first, PIECE - MARGIN if start + PIECE < len(plain) else len(piece))
