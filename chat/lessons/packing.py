"""One lesson's prompt, packed exactly as AION packs evidence for the engine, and how its answer is worded.

What the shipped adapter was made with (`build_adapter_dataset`) and what a night makes share it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from chat.evidence import EVIDENCE_PASSAGES, Weighed, sentence_vectors, weigh_sentences
from chat.prompts import PackedPassage, build_messages
from retrieval.generations import serving_embedder
from retrieval.results import RetrievedChunk
from retrieval.text import split_sentences, tokens

BUDGETS = (100, 160, 240)  # tokens of context: several, so that none becomes a condition of answering well
REFUSAL = "O contexto não responde a esta pergunta."
WORDED_SHARE = 0.8  # of the words of an answer in people's own words that must stand in the evidence


def idf_over(passages: Sequence[frozenset[str]]) -> dict[str, float]:
    """BM25's idf of each stem over the stems of these passages."""
    holding = Counter(stem for stems in passages for stem in stems)
    return {stem: math.log1p((len(passages) - n + 0.5) / (n + 0.5)) for stem, n in holding.items()}


def weigh_evidence(question: str, chunks: Sequence[RetrievedChunk], weights: Mapping[str, float]) -> Weighed:
    """The sentences of the passages that AION reads (`chunks`, best first), as it weighs them for `pack`; `weights` are
    `term_weights`. Raises `EmbeddingFailed`."""
    embedder = serving_embedder()
    read = chunks[:EVIDENCE_PASSAGES]
    sentences = [sentence_vectors(embedder.id, chunk.text) for chunk in read]
    return weigh_sentences(embedder.query(question), read, sentences, weights)


def best_answer(answers: Sequence[str], evidence: str, *, whole: bool) -> str | None:
    """The fullest of the answers that the evidence holds: as it is, or the `whole` sentence that holds it. Answers in
    people's own words count where nearly all their words stand there."""
    found = [answer for answer in answers if answer in evidence] or _worded(answers, evidence)
    if not found:
        return None
    answer = max(found, key=len)
    if whole:
        answer = next((each.text for each in split_sentences(evidence) if answer in each.text), answer)
    text = answer.strip().rstrip(".;,:").strip()
    return text[:1].upper() + text[1:]


def as_line(
    row_id: str, question: str, passages: Sequence[PackedPassage], reply: str, *, system_prompt: str
) -> dict[str, Any]:
    """A line of a dataset as `inference.training_data` reads it."""
    messages = build_messages(question, passages, system_prompt=system_prompt)
    return {
        "id": row_id,
        "prompt": [asdict(message) for message in messages],
        "completion": [{"role": "assistant", "content": reply}],
    }


def _worded(answers: Sequence[str], evidence: str) -> list[str]:
    offered = set(tokens(evidence))
    return [
        answer
        for answer in answers
        if (said := set(tokens(answer))) and len(said & offered) >= WORDED_SHARE * len(said)
    ]
