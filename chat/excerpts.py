"""Which words of the evidence to answer with, from how likely the model finds each excerpt. Pure.

The likeliest excerpt alone is often too short or beside the point. What is answered is the excerpt that agrees best
with all likely ones, each by its probability (minimum Bayes risk: Kumar and Byrne 2004). A small model likes to point
at what the question said already; what is given there is not what is asked for, so such excerpts count for less.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.engine import Excerpt
from retrieval.text import tokens

TEMPERATURE = 1.5  # the adapter is surer than it is right (record 26)
HOLDS = 0.5  # what holding all of an answer is worth beside agreeing with it word by word
GIVEN, ENDS_GIVEN = 4.0, 2.0  # log-probability taken for words of the question: by their share, and for the last one
LONGEST_WORDS = 45
_WORD = re.compile(r"\S+")

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The characters from `start` to `end` of the text at `text`; `probability` that the answer lies within."""

    text: int
    start: int
    end: int
    probability: float


def choose(
    question: str,
    excerpts: Sequence[Excerpt],
    texts: Sequence[str],
    *,
    temperature: float | None = None,
    holds: float | None = None,
) -> Chosen | None:
    """The excerpt of the greatest expected use for `question`, or None where nothing was pointed at."""
    temperature = TEMPERATURE if temperature is None else temperature
    holds = HOLDS if holds is None else holds
    if not excerpts:
        return None
    given = set(tokens(question))
    told = [each.logprob - _given(texts[each.text][each.start : each.end], given) for each in excerpts]
    logprobs = np.array(told) / temperature
    likely = np.exp(logprobs - logprobs.max())
    likely /= likely.sum()
    candidates = []
    for number, text in enumerate(texts):
        own = [at for at, excerpt in enumerate(excerpts) if excerpt.text == number]
        if own:
            candidates.append(_best_of(number, text, [excerpts[at] for at in own], likely[own], holds))
    _use, chosen = max(candidates, key=lambda candidate: candidate[0])
    return chosen


def _given(excerpt: str, question: set[str]) -> float:
    """What an excerpt loses for words that the question said."""
    said = [all(stem in question for stem in stems) for stems in map(tokens, excerpt.split()) if stems]
    return GIVEN * sum(said) / len(said) + ENDS_GIVEN * said[-1] if said else 0.0


def _best_of(number: int, text: str, excerpts: Sequence[Excerpt], likely: Floats, holds: float) -> tuple[float, Chosen]:
    words = [match.span() for match in _WORD.finditer(text)]
    ends = np.array([end for _start, end in words])
    first = np.searchsorted(ends, [excerpt.start for excerpt in excerpts], side="right")
    last = np.searchsorted(ends, [excerpt.end for excerpt in excerpts], side="left").clip(max=len(words) - 1)
    begin, end = (index.ravel() for index in np.meshgrid(np.arange(len(words)), np.arange(len(words)), indexing="ij"))
    possible = (begin <= end) & (end - begin < LONGEST_WORDS)
    begin, end = begin[possible, None], end[possible, None]
    shared = np.clip(np.minimum(end, last) - np.maximum(begin, first) + 1, 0, None)
    agreement = 2 * shared / ((end - begin + 1) + (last - first + 1))
    held = (begin <= first) & (last <= end)
    use = (likely * (agreement + holds * held)).sum(axis=1)
    best = int(use.argmax())
    start, stop = words[begin[best, 0]][0], words[end[best, 0]][1]
    return float(use[best]), Chosen(number, start, stop, float((likely * held[best]).sum()))
