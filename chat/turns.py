"""What must not be left out of an excerpt: words of the same sentence that turn it round or bound it. Pure.

"Permitido levar animais" out of "não é permitido levar animais" says the opposite, "48 horas antes" out of "até 48
horas antes" something else. What the words are is a list, so it knows the usual ones and no more.
"""

from __future__ import annotations

import re

_TURNS = re.compile(
    r"\b(?:n[ãa]o|nunca|jamais|nem|sem|nenhum(?:as?|uns)?|tampouco|proib\w+|vedad[oa]s?|impedid[oa]s?|exce[tç]\w+|"
    r"salvo|sen[ãa]o|menos(?! de\b| que\b)|apenas|somente|s[óo]|exclusivamente|unicamente|desde que|contanto que|"
    r"mediante|caso|(?<![\w-])se(?= (?:n[ãa]o|[oa]s?|uma?|voc[êe]s?|el[ea]s?|for(?:em)?|houver|tiver(?:em)?|"
    r"estiver(?:em)?|quiser(?:em)?|puder(?:em)?|precisar(?:em)?|chover|cancelar(?:em)?)\b))\b",
    re.IGNORECASE,
)
_EXCEPTS = re.compile(r"exce|salvo|sen|menos", re.IGNORECASE)  # what follows may be a list, all of which is excepted
_AND_BEFORE = re.compile(r"\be $", re.IGNORECASE)  # "e não espera" says something else of what stands before it
_PART_END = re.compile(r";|\b(?:mas|por[ée]m|contudo|entretanto|todavia)\b", re.IGNORECASE)
_LIST_BEGINS = re.compile(r":\s")  # from there on ";" parts items, of all of which the beginning speaks
_BEFORE = re.compile(
    r"(?:\b(?:at[ée]|mais(?: de| (?:do )?que)?|menos (?:de|que)|pelo menos|ao menos|no m[íi]nimo|no m[áa]ximo|"
    r"m[íi]nim[oa]s?(?: de)?|m[áa]xim[oa]s?(?: de)?|desde|ap[óo]s|a cada|cerca de|quase|aproximadamente|m[ée]dia de|"
    r"(?:a partir|antes|depois|acima|abaixo|al[ée]m|dentro|por volta) d[eoa]s?|(?:superior|inferior)(?:es)? a|"
    r"(?:maior|menor)(?:es)? (?:de|(?:do )?que)|entre(?: \S+){1,3} e|entre)\s+(?:(?:ao?s?|os?|às|uma?)\s+)*)?"
    r"(?:(?:R\$|US\$|€|£)\s*)?$",
    re.IGNORECASE,
)
_AFTER = re.compile(
    r"(?:\s*%|\s+(?:mil|(?:m|b|tr)ilh(?:[ãa]o|[õo]es)|por cento|ou (?:mais|menos)|no m[áa]ximo|no m[íi]nimo|"
    r"em diante)\b)+",
    re.IGNORECASE,
)
_REACH = 60  # characters within which a bound stands before what it bounds


def with_what_turns_it(sentence: str, start: int, end: int) -> tuple[int, int]:
    """The excerpt from `start` to `end`, grown until nothing left out turns it round or bounds it.

    What turns something round does so in its part of the sentence, up to "mas" or a semicolon that parts no list. Takes
    time in proportion to the sentence: who writes a document may write thousands of such words.
    """
    first, last = _part(sentence, start, end)
    turning = list(_TURNS.finditer(sentence, first, last))
    near = max(first, start - _REACH)
    bound = _BEFORE.search(sentence[near:start])
    begin = near + bound.start() if bound else start
    if turning:
        begin = min(begin, turning[0].start())
    after = _AFTER.match(sentence, end)
    end = after.end() if after else end
    return begin, last if any(_reaches(match, sentence, end) for match in turning) else end


def _reaches(turning: re.Match[str], sentence: str, end: int) -> bool:
    """Whether what it turns goes beyond `end`, or it stands there itself and speaks of what is before."""
    if _EXCEPTS.match(turning[0]):
        return True
    at = turning.start()
    return at >= end and not _AND_BEFORE.search(sentence[max(0, at - 3) : at])


def _part(sentence: str, start: int, end: int) -> tuple[int, int]:
    """Where the part of the sentence begins and ends in which the excerpt stands."""
    listing = _LIST_BEGINS.search(sentence)
    items_from = listing.start() if listing else len(sentence)
    ends = [match.span() for match in _PART_END.finditer(sentence) if match[0] != ";" or match.start() < items_from]
    first = max((after for _at, after in ends if after <= start), default=0)
    last = min((at for at, _after in ends if at >= end), default=len(sentence))
    return first, last
