"""What a text states that can be checked: numbers, prices, times, dates, weekdays and proper names, normalised.

`stated` is strict (what must be supported), `offered` generous (what supports): "9h" offers both a time and a nine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from retrieval.text import fold, tokens

_NUMBER = re.compile(r"(?<![\w.,])\d{1,3}(?:\.\d{3})+(?:,\d+)?|\d+(?:[.,]\d+)?")
_TIME = re.compile(r"\b([01]?\d|2[0-4])\s?(?:h|hs|hrs)\s?([0-5]\d)?\b|\b([01]?\d|2[0-3]):([0-5]\d)\b")
_DATE = re.compile(r"\b(\d{1,2})/(\d{1,2})(?:/(\d{2,4}))?\b")
_ISO_DATE = re.compile(r"\b(\d{4})-(\d{2})-(\d{2})\b")
_CURRENCIES = {
    "BRL": re.compile(r"r\$|\breais\b|\breal\b|\bbrl\b"),
    "EUR": re.compile(r"€|\beuros?\b|\beur\b"),
    "USD": re.compile(r"us\$|u\$s|\bdolar(?:es)?\b|\busd\b"),
}
_NUMERALS = {
    word: str(number)
    for number, words in {
        2: "dois duas",
        3: "tres",
        4: "quatro",
        5: "cinco",
        6: "seis",
        7: "sete",
        8: "oito",
        9: "nove",
        10: "dez",
        11: "onze",
        12: "doze",
        13: "treze",
        14: "catorze quatorze",
        15: "quinze",
        16: "dezesseis dezasseis",
        17: "dezessete dezassete",
        18: "dezoito",
        19: "dezenove dezanove",
        20: "vinte",
        30: "trinta",
        40: "quarenta",
        50: "cinquenta",
        60: "sessenta",
        70: "setenta",
        80: "oitenta",
        90: "noventa",
        100: "cem",
    }.items()
    for word in words.split()
}
_MONTHS = {
    "janeiro": 1,
    "fevereiro": 2,
    "marco": 3,
    "abril": 4,
    "maio": 5,
    "junho": 6,
    "julho": 7,
    "agosto": 8,
    "setembro": 9,
    "outubro": 10,
    "novembro": 11,
    "dezembro": 12,
}
_WEEKDAYS = {"segunda": 1, "terca": 2, "quarta": 3, "quinta": 4, "sexta": 5, "sabado": 6, "domingo": 7}
_FEIRA = re.compile(r"\b(segunda|terca|quarta|quinta|sexta)s?[- ]feiras?\b|\b(sabado|domingo)s?\b")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_CITATION = re.compile(r"\s?\[\d{1,3}\]")
_OPENERS = frozenset(  # they begin a sentence before a name without being part of it: "Foi Getúlio Vargas"
    "foi foram era eram e no na nos nas em ao aos a as o os um uma para por pelo pela com sem segundo conforme "
    "se sim nao ha entre ate apos seu sua este esta esse essa depois antes quando quem como cada".split()
)
_CONNECTORS = frozenset({"de", "da", "do", "das", "dos", "e", "di", "du", "del", "la", "le", "o", "a", "os", "as"})
# Words that say a figure: a sentence may put "maio" where its passage has "05", "euros" where it has "€".
FIGURE_WORDS = (
    *_NUMERALS,
    *_MONTHS,
    *_WEEKDAYS,
    "feira",
    "reais",
    "real",
    "euro",
    "euros",
    "dólar",
    "dólares",
    "horas",
)


def stated(text: str) -> frozenset[str]:
    """The facts that `text` asserts and that a passage must support."""
    plain = _CITATION.sub("", text)
    return frozenset(_figures(fold(plain), generous=False)) | frozenset(f"name:{name}" for name in proper_names(plain))


def offered(text: str) -> frozenset[str]:
    """The facts that `text` can support: its figures in every reading, and each of its words as a possible name."""
    folded = fold(text)
    words = frozenset(f"name:{fold(word)}" for word in _WORD.findall(text))
    stems = frozenset(f"name:{stem}" for stem in tokens(text))
    return frozenset(_figures(folded, generous=True)) | words | stems


def supports(offer: frozenset[str], fact: str) -> bool:
    """Whether `fact` is among the offered ones; a name also by its stem (plural, gender)."""
    if fact in offer:
        return True
    kind, _, value = fact.partition(":")
    return kind == "name" and any(f"name:{stem}" in offer for stem in tokens(value))


def proper_names(text: str) -> list[str]:
    """Folded words of proper names. The first word of a sentence counts only within a name of several words or as an
    acronym, since any word may stand there with a capital."""
    names: list[str] = []
    words = list(_WORD.finditer(text))
    for position, match in enumerate(words):
        word = match.group()
        if not word[0].isupper() or len(word) < 2:
            continue
        acronym = word.isupper() and len(word) > 1
        if _opens_sentence(text, match.start()) and not acronym:
            if fold(word) in _OPENERS:
                continue
            following = words[position + 1].group() if position + 1 < len(words) else ""
            if not (following[:1].isupper() and text[match.end() : words[position + 1].start()] == " "):
                continue
        if fold(word) not in _CONNECTORS:
            names.append(fold(word))
    return names


def _opens_sentence(text: str, start: int) -> bool:
    before = text[:start].rstrip(" \t\"'“‘«(*_-•–")
    return not before or before[-1] in ".!?…:;\n" or before.endswith(")")


def _figures(folded: str, *, generous: bool) -> Iterator[str]:
    """Figures of folded text. Dates come apart into day, month and year; times are their own kind."""
    for currency, pattern in _CURRENCIES.items():
        if pattern.search(folded):
            yield f"currency:{currency}"
    rest = folded
    for pattern, read in ((_ISO_DATE, _iso_date), (_DATE, _date), (_TIME, _time)):
        for match in pattern.finditer(rest):
            yield from read(match, generous)
        rest = pattern.sub(" ", rest)
    for match in _NUMBER.finditer(rest):
        yield f"number:{_plain_number(match.group())}"
    for word in re.findall(r"[a-z]+", rest):
        if word in _NUMERALS:
            yield f"number:{_NUMERALS[word]}"
        elif word in _MONTHS:
            yield f"month:{_MONTHS[word]}"
        elif generous and word.removesuffix("s") in _WEEKDAYS:
            yield f"weekday:{_WEEKDAYS[word.removesuffix('s')]}"
    if generous and re.search(r"\buma?\b", rest):
        yield "number:1"
    for match in _FEIRA.finditer(rest):
        yield f"weekday:{_WEEKDAYS[match.group(1) or match.group(2)]}"


def _iso_date(match: re.Match[str], generous: bool) -> Iterator[str]:
    yield from (f"number:{int(match[3])}", f"month:{int(match[2])}", f"number:{int(match[1])}")


def _date(match: re.Match[str], generous: bool) -> Iterator[str]:
    day, month, year = match.groups()
    yield f"number:{int(day)}"
    yield f"month:{int(month)}"
    if generous:
        yield f"number:{int(month)}"
    if year:
        yield f"number:{int(year) + (2000 if len(year) == 2 else 0)}"


def _time(match: re.Match[str], generous: bool) -> Iterator[str]:
    hour = int(match[1] or match[3])
    minute = int(match[2] or match[4] or 0)
    yield f"time:{hour:02d}:{minute:02d}"
    if generous and not minute:
        yield f"number:{hour}"


def _plain_number(written: str) -> str:
    """`1.234,50` and `1234,5` are one number; a point before three digits separates thousands."""
    digits = re.sub(r"\.(?=\d{3}(?!\d))", "", written).replace(",", ".")
    try:
        return format(Decimal(digits).normalize(), "f")
    except InvalidOperation:
        return written
