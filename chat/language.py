"""Whether a text is Portuguese, and what its words are about: small helpers on plain text."""

from __future__ import annotations

import re
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier  # type: ignore[import-untyped]  # it ships no types

SURE_FROM_WORDS = 6
_WORD = re.compile(r"[^\W\d_]{2,}")
_OTHERS = ("pt", "en", "es", "fr", "it", "de", "gl", "ru", "zh", "ar", "ja")
_COUNTS_AS_PORTUGUESE = frozenset({"pt", "gl"})  # Galician is Portuguese to a classifier of short texts


@cache
def _identifier() -> LanguageIdentifier:
    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(_OTHERS))
    return identifier


def is_portuguese(text: str) -> bool:
    """Whether `text` reads as Portuguese. Short ones (names, prices, times) pass: they have no language."""
    words = _WORD.findall(text)
    if len(words) < SURE_FROM_WORDS:
        return True
    language, _share = _identifier().classify(" ".join(words))
    return language in _COUNTS_AS_PORTUGUESE
