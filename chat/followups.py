"""A question that leans on the one before ("E o resto, até quando?") is asked together with it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from retrieval.text import fold, query_terms

REACH = 3  # earlier questions looked back over
LONGEST = 2000  # characters of an earlier question; a longer one would fill the prompt
OWN_SUBJECT = 2  # terms that say what a question is about; fewer leave it to the one before

_CONNECTS = re.compile(r"(?:e|mas|entao|nesse caso|neste caso|alem disso)\b")
_NAMES_ITS_SUBJECT = re.compile(r"(?:o )?que (?:e|sao|significa)|quem (?:e|foi)|onde fica|como funciona")
_POINTS_BACK = re.compile(
    r"\b(?:ele|ela|eles|elas|dele|dela|deles|delas|nele|nela|neles|nelas|isso|disso|nisso|isto|disto|la|"
    r"esse|essa|esses|essas|desse|dessa|desses|dessas|nesse|nessa|nesses|nessas|cada uma?(?! d)|"
    r"qual del[ea]s|o mesmo|a mesma|o outro|a outra)\b"
)


def leans_back(question: str) -> bool:
    """Whether `question` cannot be understood alone: it goes on, points back, or names hardly any subject."""
    said = fold(question).strip()
    if _CONNECTS.match(said) or _POINTS_BACK.search(said):
        return True
    return len(query_terms(question)) < OWN_SUBJECT and not _NAMES_ITS_SUBJECT.match(said)


def in_context(question: str, earlier: Sequence[str]) -> str:
    """`question`, after the earlier ones (oldest first) that it needs to be understood; alone where it needs none."""
    needed = [question.strip()]
    for before in reversed(earlier[-REACH:]):
        if not leans_back(needed[0]) or len(before) > LONGEST:
            break
        needed.insert(0, before.strip())
    return " ".join(needed)
