"""A model's tokens become checked sentences: whatever speaks (the local engine, the paid API), one way to listen."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

from chat.answers import SentenceReleased, StillWaiting
from chat.grounding import SOURCES_LINE, Fault, Passage, Verdict, check_sentence, is_repeated
from inference.engine import Delta, GenerationPart, GenerationResult, Waiting
from retrieval.text import split_sentences

STOP = ("\nFontes:", "\nPergunta:", "<contexto>", "</contexto>")
_SOURCES_BELOW = re.compile(r"\n\W*(?:fontes?|refer[êe]ncias?)\W*:", re.IGNORECASE)

Released = Generator[SentenceReleased | StillWaiting, None, "Draft"]


@dataclass(slots=True)
class Draft:
    """What was said so far. `fault` ends it where checks are strict; else it only takes away `grounded`."""

    text: str = ""
    sentences: list[str] = field(default_factory=list)
    citations: set[int] = field(default_factory=set)
    fault: Fault | None = None
    result: GenerationResult | None = None

    def take(self, verdict: Verdict, gap: str) -> SentenceReleased:
        piece = f"{gap if self.text else ''}{verdict.text}"
        self.text += piece
        self.sentences.append(verdict.text)
        self.citations |= set(verdict.citations)
        return SentenceReleased(piece)


def draft(parts: Iterator[GenerationPart], passages: Sequence[Passage], *, strict: bool) -> Released:
    """Release each sentence once it is whole and has passed its check; return the draft.

    Strict (local): the first fault ends it. Not strict (the paid API, where nothing better would follow): faults
    are noted, the text stands. The model's own list of sources ends it too: AION writes that line itself.
    """
    said = Draft()
    pending = ""
    for number, part in enumerate(parts):
        if isinstance(part, Waiting):
            yield StillWaiting(part.stage)
            continue
        if not number:
            yield StillWaiting("writing")  # a sentence may take seconds, and whoever waits is to know that it was taken
        if isinstance(part, Delta):
            pending, ended = _before_sources(pending + _storable(part.text))
            pending = yield from _release(said, pending, passages, strict=strict, last=ended)
            if said.fault and strict:
                return said
            if ended:
                pending = ""
                break
        else:
            said.result = part
    if said.result is None:
        said.result = _the_end(parts)
    cut_off = said.result is not None and said.result.finish_reason == "length" and said.text
    if pending.strip() and not cut_off:
        yield from _release(said, pending, passages, strict=strict, last=True)
    if not said.fault and not said.citations:
        said.fault = Fault.UNSUPPORTED if said.text else Fault.EMPTY
    return said


def _release(
    said: Draft, pending: str, passages: Sequence[Passage], *, strict: bool, last: bool
) -> Generator[SentenceReleased, None, str]:
    """Check and release the whole sentences of `pending` (all of them when `last`); return what remains."""
    sentences = split_sentences(pending)
    whole = sentences if last else sentences[:-1]
    end = 0
    for sentence in whole:
        gap, end = pending[end : sentence.start], sentence.end
        if SOURCES_LINE.match(sentence.text) or is_repeated(sentence.text, said.sentences):
            continue
        verdict = check_sentence(sentence.text, passages)
        if verdict.fault is not None:
            said.fault = said.fault or verdict.fault
            if strict:
                return ""
        yield said.take(verdict, gap or " ")
    return pending[end:]


def _storable(text: str) -> str:
    """Without U+0000 and halves of characters, which another server may send and no database or response can hold."""
    return text.replace("\0", "").encode(errors="ignore").decode()


def _before_sources(text: str) -> tuple[str, bool]:
    found = _SOURCES_BELOW.search(text)
    return (text[: found.start()], True) if found else (text, False)


def _the_end(parts: Iterator[GenerationPart]) -> GenerationResult | None:
    """The rest is not shown, but tells what was used."""
    for part in parts:
        if isinstance(part, GenerationResult):
            return part
    return None
