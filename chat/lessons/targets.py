"""What a lesson teaches the model to write: the text alone, its citations those of the lesson's own passages. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from chat.drafting import draft
from chat.evidence import GAP
from chat.grounding import CITATION, Passage
from chat.prompts import PackedPassage
from inference.engine import Delta

_SOURCES_BELOW = re.compile(r"\n\W*(?:fontes?|refer[êe]ncias?)\W*:.*", re.IGNORECASE | re.DOTALL)


def bare(reply: str, *, caution: str = "") -> str:
    """A reply without what AION itself puts around it: the warning before, the list of sources after."""
    return _SOURCES_BELOW.sub("", f"\n{reply.strip().removeprefix(caution)}").strip()


def is_cut(text: str) -> bool:
    """Whether it is a quotation with words left out: no way to write."""
    return GAP.strip() in text


def cited(text: str) -> frozenset[int]:
    """The numbers that a text cites."""
    return frozenset(map(int, CITATION.findall(text)))


def renumbered(text: str, numbers: Mapping[int, int]) -> str:
    """The text with its citations under other numbers; those that have none are gone."""
    return CITATION.sub(lambda match: _mark(match[0], numbers.get(int(match[1]))), text)


def checked(text: str, passages: Sequence[PackedPassage]) -> tuple[str, frozenset[int]] | None:
    """The text as AION would show it had the model written it, and what it cites; None where a sentence rests on no
    passage. For a lesson they are what its prompt shows, not the whole ones: who is not shown a fact invents it."""
    shown = [Passage.of(passage.number, f"{passage.name}. {passage.text}") for passage in passages]
    drafting = draft(iter([Delta(text)]), shown, strict=True)
    while True:
        try:
            next(drafting)
        except StopIteration as stop:
            said = stop.value
            return None if said.fault else (said.text.strip(), frozenset(said.citations))


def _mark(written: str, number: int | None) -> str:
    if number is None:
        return ""
    return f"{' ' if written.startswith(' ') else ''}[{number}]"
