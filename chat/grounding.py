"""Whether each sentence of an answer rests on a packed passage. Pure: texts in, verdicts out.

A sentence passes with a citation to the passage that supports it, its own where that one does, else the one found.
What cannot be attributed stays unsupported.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chat.facts import FIGURE_WORDS, offered, stated, supports
from chat.language import is_portuguese
from chat.polarity import Said, contradicts, said_in
from retrieval.text import fold, split_sentences, tokens

# Share of a sentence's content stems that must occur in the passage it is attributed to, and in one it cites itself.
# On Pirá's human answers (305) .6 attributes 80 % rightly, 3 % wrongly, and 10 % where the true passage is taken away.
ATTRIBUTED_SHARE = 0.6
CITED_SHARE = 0.3
NEAR_SHARE = 0.34  # of the rest of a claim, from which a sentence that holds its name speaks of the same
CONTENT_STEM = 3
LOOP = re.compile(r"(\b\w+(?:\W+\w+){0,5}\b)(?:\W+\1\b){3,}", re.IGNORECASE)
CITATION = re.compile(r"\s?\[(\d{1,3})\]")
_STEP = re.compile(r"^\s*\d{1,2}[.)]\s+")
SOURCES_LINE = re.compile(r"^\W*(?:fontes?|refer[êe]ncias?)\W*:", re.IGNORECASE)
_STOP_STEMS = frozenset(
    tokens(
        "que com para por uma um dos das nos nas aos pelo pela pelos pelas como mais mas seu sua seus suas ele ela "
        "eles elas isso este esta esse essa isto aquele aquela também já até sobre entre quando onde quem qual quais "
        "foi ser são está estão era tem têm ter há sim não cada pode podem deve devem"
    )
) | frozenset(tokens(" ".join(FIGURE_WORDS)))


class Fault(StrEnum):
    """Why a sentence may not be shown."""

    EMPTY = "empty"
    LANGUAGE = "language"
    UNKNOWN_CITATION = "unknown_citation"
    UNSUPPORTED_FACT = "unsupported_fact"
    UNSUPPORTED = "unsupported"
    CONTRADICTED = "contradicted"
    LOOP = "loop"


@dataclass(frozen=True, slots=True)
class Offer:
    """What a sentence of a passage holds."""

    stems: frozenset[str]
    facts: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Offer:
        return cls(frozenset(tokens(text)), offered(text))


@dataclass(frozen=True, slots=True)
class Passage:
    """What a numbered passage offers: computed once an answer."""

    number: int
    stems: frozenset[str]
    facts: frozenset[str]
    sentences: tuple[Offer, ...]
    said: Said

    @classmethod
    def of(cls, number: int, text: str) -> Passage:
        """`text` is the whole passage with its name, since a title often says what the passage is about."""
        sentences = tuple(Offer.of(sentence.text) for sentence in split_sentences(text))
        return cls(number, frozenset(tokens(text)), offered(text), sentences, said_in(text))


@dataclass(frozen=True, slots=True)
class Claim:
    """What a sentence of the answer asserts: its content stems, its facts, and what it says yes and no to."""

    stems: frozenset[str]
    facts: frozenset[str]
    said: Said

    @classmethod
    def of(cls, bare: str) -> Claim:
        """`bare` is the sentence without its citations; the number of a step states nothing."""
        said = _STEP.sub("", bare)
        return cls(content_stems(said), stated(said), said_in(said))

    @property
    def is_empty(self) -> bool:
        """A heading or a courtesy ("Siga os passos:") claims nothing that could be wrong."""
        return len(self.stems) < CONTENT_STEM and not self.facts


@dataclass(frozen=True, slots=True)
class Verdict:
    """A checked sentence as it may be shown, the numbers it cites, and what is wrong with it (None: nothing)."""

    text: str
    citations: tuple[int, ...]
    fault: Fault | None


def check_sentence(sentence: str, passages: Sequence[Passage]) -> Verdict:
    """Check one sentence and see to its citation."""
    bare = CITATION.sub("", sentence).strip()
    fault = _form_fault(bare)
    if fault is not None:
        return Verdict(sentence, (), fault)
    claimed = [int(number) for number in CITATION.findall(sentence)]
    by_number = {passage.number: passage for passage in passages}
    if any(number not in by_number for number in claimed):
        return Verdict(sentence, (), Fault.UNKNOWN_CITATION)
    claim = Claim.of(bare)
    cited = [by_number[number] for number in dict.fromkeys(claimed)]
    held = tuple(passage.number for passage in cited if _held_by(passage, claim))
    if held:
        return Verdict(sentence.strip() if len(held) == len(cited) else _cite(bare, held), held, None)
    if not claimed and claim.is_empty:
        return Verdict(bare, (), None)
    if len(cited) > 1 and _held_by(_joined(cited), claim):
        return Verdict(sentence.strip(), tuple(passage.number for passage in cited), None)
    found = attribute(claim, passages)
    if found is not None:
        return Verdict(_cite(bare, [found]), (found,), None)
    if any(contradicts(passage.said, claim.said) for passage in cited or passages):
        return Verdict(sentence, (), Fault.CONTRADICTED)
    return Verdict(sentence, (), _support_fault(claim.facts, passages))


def attribute(claim: Claim, passages: Sequence[Passage]) -> int | None:
    """The number of the passage that carries the claim best, if one carries it well enough."""
    able = [passage for passage in passages if _carries(passage, claim, ATTRIBUTED_SHARE)]
    return max(able, key=lambda passage: (_share(passage.stems, claim.stems), -passage.number)).number if able else None


def content_stems(text: str) -> frozenset[str]:
    """Stems that carry meaning: no short function words, and no figures, which are checked as facts."""
    return frozenset(
        stem for stem in tokens(text) if len(stem) >= CONTENT_STEM and not stem[0].isdigit() and stem not in _STOP_STEMS
    )


def is_repeated(sentence: str, before: Sequence[str]) -> bool:
    """Whether the model says again what it has said: a small one that loops has nothing more to say."""
    plain = fold(CITATION.sub("", sentence)).strip(" .!?")
    return len(plain) > 20 and any(plain == fold(CITATION.sub("", other)).strip(" .!?") for other in before)


def _form_fault(bare: str) -> Fault | None:
    if not re.search(r"\w", bare):
        return Fault.EMPTY
    if LOOP.search(bare):
        return Fault.LOOP
    return None if is_portuguese(bare) else Fault.LANGUAGE


def _support_fault(facts: frozenset[str], passages: Sequence[Passage]) -> Fault:
    offer: frozenset[str] = frozenset().union(*(passage.facts for passage in passages))
    if any(not supports(offer, fact) for fact in facts):
        return Fault.UNSUPPORTED_FACT
    return Fault.UNSUPPORTED


def _carries(passage: Passage, claim: Claim, share: float) -> bool:
    return (
        all(supports(passage.facts, fact) for fact in claim.facts)
        and _share(passage.stems, claim.stems) >= share
        and all(_stands_near(passage, claim, fact) for fact in claim.facts if fact.startswith("name:"))
        and not contradicts(passage.said, claim.said)
    )


def _stands_near(passage: Passage, claim: Claim, name: str) -> bool:
    """Whether one of the sentences that hold `name` speaks of what the claim says of it, or does so best of all.

    Half of the names that are mixed up stand in the passage, in another role. Figures are not held to it: they stand in
    tables and lists, away from what they belong to (caught 2 % more, and 2 % more of what is right).
    """
    rest = claim.stems - frozenset(tokens(name.removeprefix("name:")))
    if not rest:
        return True
    shares = [_share(sentence.stems, rest) for sentence in passage.sentences]
    enough = min(NEAR_SHARE, max(shares, default=0.0))
    return any(
        share >= enough and supports(sentence.facts, name)
        for sentence, share in zip(passage.sentences, shares, strict=True)
    )


def _held_by(passage: Passage, claim: Claim) -> bool:
    """Whether a passage that the sentence cites bears it; "Custa 89 euros [1]" needs no more than its figures."""
    return _carries(passage, claim, 0.0 if claim.facts and len(claim.stems) < CONTENT_STEM else CITED_SHARE)


def _share(offered_stems: frozenset[str], claimed: frozenset[str]) -> float:
    return len(claimed & offered_stems) / len(claimed) if claimed else 1.0


def _joined(passages: Sequence[Passage]) -> Passage:
    stems: frozenset[str] = frozenset().union(*(passage.stems for passage in passages))
    facts: frozenset[str] = frozenset().union(*(passage.facts for passage in passages))
    said = tuple(clause for passage in passages for clause in passage.said)
    return Passage(0, stems, facts, tuple(offer for passage in passages for offer in passage.sentences), said)


def _cite(bare: str, numbers: Sequence[int]) -> str:
    """`bare` with its citations before the closing mark."""
    marks = "".join(f"[{number}]" for number in numbers)
    body = bare.rstrip()
    end = body[-1] if body[-1:] in ".!?;:" else ""
    return f"{body[: len(body) - len(end)]} {marks}{end}"
