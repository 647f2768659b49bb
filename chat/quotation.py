"""An answer in the documents' own words: the sentences that support it best, cited. Pure.

Where a model is too small to write well, this answers better than it does, and it cannot invent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from chat.evidence import GAP, LIST_ITEM, Packed, Weighed, WeighedSentence, gap_before, heading_stems
from chat.prompts import plain_brackets
from chat.turns import with_what_turns_it
from retrieval.results import RetrievedChunk
from retrieval.text import fold, tokens

# Record 13 has the figures. Below the support half of what is quoted holds the answer. A second sentence is worth its
# length only where it is about something in the question that the first is not about.
QUOTE_SUPPORT = 0.55
SECOND_SHARE = 0.9
SECOND_ADDS = 0.15
SECOND_AMONG = 4
LONG_SENTENCE = 30  # words; a longer one is cut to the clauses that bear on the question,
CUT_TO = 15  # but not below this
LIST_ITEMS = 8
SHORT_SECTION = 60  # words
SECTION_NAMED = 0.66  # of what is asked about
NEARLY_ALL = 0.6  # of a sentence's words: leaving out the rest would only make it odd to read

_LEANS_BACK = re.compile(
    r"(?:ele|ela|eles|elas|isso|isto|este|esta|esse|essa|estes|estas|esses|essas|nesse|nessa|neste|nesta|nesses|nessas|"
    r"tal|tais|assim|porem|alem disso|por isso|nesse caso|contudo|entretanto|tambem)\b"
)
_GOES_ON = re.compile(r"(?:tambem|alem disso)\b")  # leans back for the flow of reading alone: it says its own
_ASKS_FOR_THE_START = re.compile(r"\b(?:quem|quando)\b")
_ASKS_TO_EXPLAIN = re.compile(r"\b(?:expli(?:que|ca|car)|descrev[ae]|diferencas?|compar[ae]r?|detalh(?:es?|ar))\b")
# A question without one of these is answered by yes or no, and a few words of a sentence say neither.
_ASKS_WHICH = re.compile(
    r"\b(?:quem|quando|a?onde|qua(?:l|is)|quant[oa]s?|como|por ?que|cade)\b|"
    r"(?:^|[.,;:?!]|\b(?:o|as?|em|de|com|para|pra|por|ate|desde|sobre))\s*\bq(?:ue)?\b|"
    r"(?:^|[.,;:?!])\s*(?:aos?|d[ao]s?|n[ao]s?|pel[ao]s?)\s+que\b|"  # further on it compares: "mais do que"
    r"\bq(?:ue)?\s*[?!.]*$"
)
_STEP = re.compile(r"\s*\d{1,2}[.)]\s")
_CLAUSE_END = re.compile(r"(?<=[,;:)])\s+|(?<!\s)\s+(?=\()|(?<!\s)\s+[–—]\s+")


@dataclass(frozen=True, slots=True)
class Quotation:
    """Sentences of the documents themselves, cited, and the numbers they cite.

    `sentence` is the one of them that may be cut, whole; None where nothing is to be cut: several answer, or steps or
    items of a list, or it says nothing without the sentence before, or the question asks to explain, or for yes or no.
    """

    text: str
    numbers: frozenset[int]
    sentence: WeighedSentence | None = None


def quote(question: str, packed: Packed, weighed: Weighed) -> Quotation | None:
    """The sentences that support an answer to `question` best, in the documents' words; None where support is weak."""
    citable = [sentence for sentence in weighed if sentence.passage in packed.places]
    if not citable or citable[0].support < QUOTE_SUPPORT:
        return None
    chosen = [citable[0], *_second(citable)]
    wanted = {place for sentence in chosen for place in _with_what_it_leans_on(sentence, weighed)}
    whole_section = _is_asked_for(packed.chunks[packed.places.index(citable[0].passage)], citable[0])
    if whole_section:
        chosen = chosen[:1]
        wanted = {(each.passage, each.index) for each in weighed if each.passage == chosen[0].passage}
    whole_start = bool(_ASKS_FOR_THE_START.search(fold(question)))
    quoted = sorted((each for each in weighed if (each.passage, each.index) in wanted), key=lambda each: each.index)
    lines: list[str] = []
    for passage in dict.fromkeys(sentence.passage for sentence in chosen):
        own = [_to_the_point(each, whole_start=whole_start) for each in quoted if each.passage == passage]
        lines.append(_cited(own, packed.places.index(passage) + 1))
    numbers = frozenset(packed.places.index(sentence.passage) + 1 for sentence in chosen)
    stands_alone = len(wanted) == 1 or (len(wanted) == 2 and not whole_section and _goes_on(citable[0], wanted))
    return Quotation("\n".join(lines), numbers, citable[0] if stands_alone and _asks_for_a_part(question) else None)


def _asks_for_a_part(question: str) -> bool:
    """Whether some words of a sentence may answer."""
    asked = fold(question)
    return bool(_ASKS_WHICH.search(asked)) and not _ASKS_TO_EXPLAIN.search(asked)


def _goes_on(sentence: WeighedSentence, wanted: Collection[tuple[int, int]]) -> bool:
    """Whether it is quoted with the one before only to be read in its place."""
    return bool(_GOES_ON.match(fold(sentence.text))) and (sentence.passage, sentence.index - 1) in wanted


def cut(quotation: Quotation, start: int, end: int) -> str:
    """The characters from `start` to `end` of the sentence that may be cut, and what they would say otherwise without,
    cited; the quotation as it is where there is none, nearly all of it is wanted, or the cut would lean back."""
    if quotation.sentence is None:
        return quotation.text
    whole = quotation.sentence.text
    start, end = with_what_turns_it(whole, start, end)
    kept = whole[start:end].strip().strip(",;: ")
    if not kept or _LEANS_BACK.match(fold(kept)) or len(kept.split()) >= NEARLY_ALL * len(whole.split()):
        return quotation.text
    [number] = quotation.numbers
    return _cited([kept[:1].upper() + kept[1:]], number)


def _is_asked_for(chunk: RetrievedChunk, best: WeighedSentence) -> bool:
    """Whether the question names a short section ("Formas de pagamento"): then all of it is the answer."""
    heading = heading_stems(chunk.title, chunk.section)
    named = sum(share for stem, share in best.about.items() if stem in heading)
    return bool(chunk.section) and named >= SECTION_NAMED and len(chunk.text.split()) <= SHORT_SECTION


def _second(citable: Sequence[WeighedSentence]) -> list[WeighedSentence]:
    """One that is nearly as good as the best and about something in the question that the best is not about."""
    best = citable[0]
    for other in citable[1:SECOND_AMONG]:
        adds = sum(share for stem, share in other.about.items() if stem not in best.about)
        if adds >= SECOND_ADDS and other.support >= SECOND_SHARE * best.support:
            return [other]
    return []


def _to_the_point(sentence: WeighedSentence, *, whole_start: bool) -> str:
    """The sentence; a long one cut to the clauses that hold what is asked about, and the one after them.

    `whole_start` keeps what stands before them: who does something, and on what condition, is said there.
    """
    text = sentence.text
    clauses = _clauses(text)
    asked = [set(tokens(text[start:end])) & sentence.about.keys() for start, end in clauses]
    if len(text.split()) < LONG_SENTENCE or not any(asked):
        return text
    first, last = _narrowest(asked)
    first = 0 if whole_start else first
    last = min(last + 1, len(clauses) - 1)
    while len(text[clauses[first][0] : clauses[last][1]].split()) < CUT_TO:
        first, last = (first, last + 1) if last + 1 < len(clauses) else (first - 1, last)
    start, end = with_what_turns_it(text, clauses[first][0], clauses[last][1])
    return f"{GAP.lstrip() if start else ''}{text[start:end].rstrip(',;: ')}{GAP.rstrip() if end < len(text) else ''}"


def _narrowest(asked: Sequence[set[str]]) -> tuple[int, int]:
    """The fewest neighbouring clauses that hold all that any clause holds, from the first to the last. Linear: who
    writes a document may write thousands of commas."""
    everything = set().union(*asked)
    held: Counter[str] = Counter()
    narrowest, first = (0, len(asked) - 1), 0
    for last, stems in enumerate(asked):
        held.update(stems)
        while len(held) == len(everything):
            narrowest = min(narrowest, (first, last), key=lambda span: span[1] - span[0])
            held = +(held - Counter(asked[first]))
            first += 1
    return narrowest


def _clauses(text: str) -> list[tuple[int, int]]:
    """Where the clauses of `text` begin and end, as its punctuation shows them."""
    ends = [(match.start(), match.end()) for match in _CLAUSE_END.finditer(text)]
    starts = [0, *(end for _start, end in ends)]
    return list(zip(starts, [*(start for start, _end in ends), len(text)], strict=True))


def _with_what_it_leans_on(sentence: WeighedSentence, weighed: Weighed) -> set[tuple[int, int]]:
    """The sentence, the one before where it points back ("Nesse caso, …"), the list that it announces, the other steps
    where it is one of several."""
    texts = {other.index: other.text for other in weighed if other.passage == sentence.passage}
    places = {(sentence.passage, sentence.index)}
    if _LEANS_BACK.match(fold(sentence.text)) and sentence.index - 1 in texts:
        places.add((sentence.passage, sentence.index - 1))
    if sentence.text.rstrip().endswith(":"):
        places |= {(sentence.passage, index) for index in _run(texts, LIST_ITEM, sentence.index, 1)}
    if _STEP.match(sentence.text):
        steps = {*_run(texts, _STEP, sentence.index, 1), *_run(texts, _STEP, sentence.index, -1)}
        places |= {(sentence.passage, index) for index in steps}
    return places


def _run(texts: Mapping[int, str], kind: re.Pattern[str], start: int, direction: int) -> Iterator[int]:
    """The indexes next to `start` that go on with the same kind of line."""
    for distance in range(1, LIST_ITEMS + 1):
        index = start + direction * distance
        if not kind.match(texts.get(index, "")):
            return
        yield index


def _cited(sentences: Sequence[str], number: int) -> str:
    text = ""
    for sentence in sentences:
        text += (gap_before(sentence) if text else "") + plain_brackets(sentence.strip())
    end = text[-1] if text[-1:] in ".!?" else ""
    return f"{text[: len(text) - len(end)]} [{number}]{end or '.'}"
