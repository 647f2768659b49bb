"""A question that leans on the one before ("E o resto, até quando?") is asked together with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from retrieval.text import fold, query_terms

REACH = 3  # earlier questions looked back over
LONGEST = 2000  # characters of an earlier question; a longer one would fill the prompt
OWN_SUBJECT = 2  # terms that say what a question is about; fewer leave it to the one before
SHORT = 4  # terms up to which a question that seems whole may yet be about what the one before was about

_CONNECTS = re.compile(
    r"(?:e(?! (?:possivel|permitido|preciso|necessario|obrigatorio|proibido|verdade)\b)|mas|entao|"
    r"nesse caso|neste caso|alem disso)\b"
)
_ASKS_A_DETAIL = re.compile(
    r"(?:(?:a|ate|com|de|desde|em|para|por) )?(?:quant[oa]s?|quais|qual|quando|onde|que (?:dia|hora)s?)\b"
)
_NAMES_ITS_SUBJECT = re.compile(r"(?:o )?que (?:e|sao|significa)|quem (?:e|foi)|onde fica|como funciona")
_POINTS_BACK = re.compile(
    r"\b(?:ele|ela|eles|elas|dele|dela|deles|delas|nele|nela|neles|nelas|isso|disso|nisso|isto|disto|la|"
    r"esse|essa|esses|essas|desse|dessa|desses|dessas|nesse|nessa|nesses|nessas|cada uma?(?! d)|"
    r"qual del[ea]s|o mesmo|a mesma|o outro|a outra)\b"
)


def readings(question: str, earlier: Sequence[str]) -> tuple[str, ...]:
    """What to search for when `question` follows the `earlier` ones (oldest first), the first reading preferred.

    One that cannot be understood alone is read with the question before. A short one may be, or begin another subject
    ("O que acontece se chover?"): it is read alone and, should the documents not answer that, with the one before.
    """
    alone = question.strip()
    *before, last = earlier[-REACH:] or [""]
    if not last or len(last) > LONGEST:
        return (alone,)
    together = f"{_in_context(last, before)} {alone}"
    if _needs_another(alone):
        return (together,)
    return (alone, together) if len(query_terms(alone)) <= SHORT else (alone,)


def _in_context(question: str, earlier: Sequence[str]) -> str:
    """An earlier question, after those that it needs to be understood in its turn."""
    if not _needs_another(question) or not earlier or len(earlier[-1]) > LONGEST:
        return question.strip()
    return f"{_in_context(earlier[-1], earlier[:-1])} {question.strip()}"


def _needs_another(question: str) -> bool:
    """Whether it goes on, points back, or asks for a detail of nothing it names."""
    return _points_back(question) or (_names_little(question) and bool(_ASKS_A_DETAIL.match(fold(question).strip())))


def _names_little(question: str) -> bool:
    return len(query_terms(question)) < OWN_SUBJECT and not _NAMES_ITS_SUBJECT.match(fold(question).strip())


def _points_back(question: str) -> bool:
    """`É` is no `E`, though it is often typed as one."""
    said, typed = fold(question).strip(), question.strip().lower()
    goes_on = _CONNECTS.match(said) and not typed.startswith("é")
    return bool(goes_on or _POINTS_BACK.search(said))
