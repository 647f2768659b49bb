"""Which sentences carry the answer: weighed against the question, packed for the prompt.

Knows passages and vectors, not models or routes. Sentences beat whole passages for a small model (measured: the best
two hold the gold answer of 83 % of the questions).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from chat.grounding import Passage
from chat.prompts import PackedPassage
from retrieval.embeddings import get_embedder
from retrieval.results import QueryTerm, RetrievedChunk
from retrieval.text import split_sentences, tokens

EVIDENCE_PASSAGES = 4
SENTENCES_PER_PASSAGE = 24
SIMILARITY_FLOOR, SIMILARITY_CEILING = 0.75, 0.92  # E5 cosines of Portuguese sentences to questions lie in between
# The best sentence holds the gold answer of .83 of FaQuAD's questions and of .54 of the demo's (test part); without
# headings and rank it held .81 and .45. A logistic on nineteen signals of sentences did no better (.81, .55).
RANK_BONUS = 0.1
CHARACTERS_PER_TOKEN = 2.7  # of the bundled model's tokenizer on Portuguese; others need fewer tokens
GAP = " […] "
BARE_HEADING_WORDS = 9
ANNOUNCING = 0.3  # of its support is left to a line that announces others: it is never the best sentence for that alone

LIST_ITEM = re.compile(r"\s*(?:[-*•–]|\d{1,2}[.)]|[a-z]\))\s")


@dataclass(frozen=True, slots=True)
class SentenceVectors:
    """The sentences of one passage in order, their stems, and `(n, d)` unit vectors."""

    texts: tuple[str, ...]
    stems: tuple[frozenset[str], ...]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class WeighedSentence:
    """A sentence of the passage at `passage` (0-based, in the order given) and how well it fits the question.

    `about` maps each of the question's stems found in it, or in the heading it stands under, to its share of the
    question's idf; `overlap` is their sum, `similarity` the cosine, `support` in [0, 1] the mean of both, the cosine
    rescaled, and a little for the passage's rank.
    """

    passage: int
    index: int
    text: str
    overlap: float
    similarity: float
    support: float
    about: Mapping[str, float] = field(default_factory=dict)


Weighed = tuple[WeighedSentence, ...]


@dataclass(frozen=True)
class Packed:
    """What the prompt shows: `passages` by number from 1, the chunk behind each, and its place among the selected."""

    passages: tuple[PackedPassage, ...] = ()
    chunks: tuple[RetrievedChunk, ...] = ()
    places: tuple[int, ...] = ()

    @cached_property
    def checked(self) -> tuple[Passage, ...]:
        """The same passages, whole and with their names, as answers are checked against them."""
        return tuple(
            Passage.of(number, f"{chunk.name}. {chunk.text}") for number, chunk in enumerate(self.chunks, start=1)
        )


def term_weights(terms: Iterable[QueryTerm], chunk_count: int) -> dict[str, float]:
    """The idf of each stem of the question; one that no passage holds weighs as much as the rarest could."""
    rarest = math.log1p((chunk_count + 0.5) / 0.5)
    return {term.term: term.idf or rarest for term in terms}


@lru_cache(maxsize=2048)
def sentence_vectors(embedder_id: str, text: str) -> SentenceVectors:
    """The sentences of a passage, embedded once per text and embedder (some 10 ms each). Raises `EmbeddingFailed`."""
    sentences = tuple(sentence.text for sentence in split_sentences(text))[:SENTENCES_PER_PASSAGE] or (text,)
    return SentenceVectors(
        texts=sentences,
        stems=tuple(frozenset(tokens(sentence)) for sentence in sentences),
        vectors=get_embedder(embedder_id).passages(list(sentences)),
    )


def weigh_sentences(
    question: NDArray[np.float32],
    chunks: Sequence[RetrievedChunk],
    passages: Sequence[SentenceVectors],
    weights: Mapping[str, float],
) -> Weighed:
    """All sentences of `passages`, those of `chunks` in the same order, best support first.

    `question` is its unit vector, `weights` are `term_weights`.
    """
    total = sum(weights.values()) or 1.0
    weighed = []
    for place, (chunk, sentences) in enumerate(zip(chunks, passages, strict=True)):
        similarities = sentences.vectors @ question
        heading = heading_stems(chunk.title, chunk.section)
        announcers = announcing_lines(sentences.texts)
        for index, (text, stems) in enumerate(zip(sentences.texts, sentences.stems, strict=True)):
            announcer = announcers[index]
            held = stems | heading | (sentences.stems[announcer] if announcer is not None else frozenset())
            about = {stem: weights[stem] / total for stem in held & weights.keys()}
            overlap = sum(about.values())
            similarity = float(similarities[index])
            if announcer == index - 1:
                similarity = max(similarity, float(similarities[announcer]))
            support = ((overlap + rescale(similarity)) / 2 + RANK_BONUS / (place + 1)) / (1 + RANK_BONUS)
            if announcer == index:
                support *= ANNOUNCING
            weighed.append(WeighedSentence(place, index, text, overlap, similarity, support, about))
    return tuple(sorted(weighed, key=lambda sentence: -sentence.support))


def announcing_lines(texts: Sequence[str]) -> list[int | None]:
    """For each sentence the line it stands under ("Preciso imprimir o voucher?", "Atividades com barco"), itself for
    such a line, None where there is none. Such a line tells what follows is about and answers nothing."""
    under: list[int | None] = []
    current: int | None = None
    for index, text in enumerate(texts):
        if index + 1 < len(texts) and _announces(text) and not _is_bare_heading(texts[index + 1]):
            current = index
        under.append(current)
    return under


def _announces(text: str) -> bool:
    return text.rstrip().endswith("?") or _is_bare_heading(text)


@lru_cache(maxsize=4096)
def heading_stems(title: str, section: str) -> frozenset[str]:
    """What a sentence is about by where it stands: "Adulto: 98 €" under "Sintra de dia inteiro, Quanto custa"."""
    return frozenset(tokens(f"{title} {section}"))


def rescale(similarity: float) -> float:
    """A cosine of E5 as a share of the narrow band its cosines lie in."""
    return min(max((similarity - SIMILARITY_FLOOR) / (SIMILARITY_CEILING - SIMILARITY_FLOOR), 0.0), 1.0)


def estimate_tokens(text: str) -> int:
    """About how many tokens a model makes of `text`, erring upward; no model is asked."""
    return math.ceil(len(text) / CHARACTERS_PER_TOKEN)


def pack(chunks: Sequence[RetrievedChunk], weighed: Weighed, budget_tokens: int) -> Packed:
    """The evidence within `budget_tokens`: whole passages where all fit (a strong model's budget), else the best
    sentences with their neighbours, in the order of the passages. The best sentence is packed whatever the budget."""
    if sum(estimate_tokens(chunk.text) for chunk in chunks) <= budget_tokens:
        return _packed([(place, chunk, chunk.text) for place, chunk in enumerate(chunks)])
    chosen = _choose_within(weighed, budget_tokens)
    return _packed([(place, chunks[place], _excerpt(texts)) for place, texts in sorted(chosen.items())])


def pack_whole(chunks: Sequence[RetrievedChunk], budget_tokens: int) -> Packed:
    """Whole passages in order, as many as fit; the first one whatever the budget."""
    fitting: list[tuple[int, RetrievedChunk, str]] = []
    left = budget_tokens
    for place, chunk in enumerate(chunks):
        left -= estimate_tokens(chunk.text)
        if left < 0 and fitting:
            break
        fitting.append((place, chunk, chunk.text))
    return _packed(fitting)


def _choose_within(weighed: Weighed, budget_tokens: int) -> dict[int, dict[int, str]]:
    """Sentence texts by passage and index: best first, each with the one after and the one before it."""
    texts = {(sentence.passage, sentence.index): sentence.text for sentence in weighed}
    chosen: dict[int, dict[int, str]] = {}
    left = budget_tokens
    for sentence in weighed:
        for index in (sentence.index, sentence.index + 1, sentence.index - 1):
            place = (sentence.passage, index)
            if place not in texts or index in chosen.get(sentence.passage, {}):
                continue
            cost = estimate_tokens(texts[place])
            if cost > left and chosen:
                return chosen
            chosen.setdefault(sentence.passage, {})[index] = texts[place]
            left -= cost
    return chosen


def _excerpt(sentences: Mapping[int, str]) -> str:
    """The chosen sentences in their order, a mark where some are left out."""
    pieces: list[str] = []
    previous: int | None = None
    for index in sorted(sentences):
        if previous is not None:
            pieces.append(gap_before(sentences[index]) if index == previous + 1 else GAP)
        pieces.append(sentences[index].strip())
        previous = index
    return "".join(pieces)


def _is_bare_heading(text: str) -> bool:
    """A line such as "TELEFONES" or "Atividades com barco" names what follows and says nothing itself."""
    says_something = (
        text.rstrip()[-1:] in ".!?;:" or ";" in text or any(map(str.isdigit, text)) or LIST_ITEM.match(text)
    )
    return len(text.split()) < BARE_HEADING_WORDS and not says_something


def gap_before(sentence: str) -> str:
    return "\n" if LIST_ITEM.match(sentence) else " "


def _packed(listed: Sequence[tuple[int, RetrievedChunk, str]]) -> Packed:
    return Packed(
        passages=tuple(
            PackedPassage(number, chunk.name, text) for number, (_place, chunk, text) in enumerate(listed, start=1)
        ),
        chunks=tuple(chunk for _place, chunk, _text in listed),
        places=tuple(place for place, _chunk, _text in listed),
    )
