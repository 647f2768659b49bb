"""Where in given texts the answer stands: how likely the model is to answer with each excerpt of them.

Nothing is written, so nothing can be invented; what a small model knows about where an answer begins and ends is worth
more than its own words (record 23). Knows tokens and passes, no queue.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from inference.backends.forward import Cache, Check, Forward
from inference.engine import Excerpt, Pointing

BEGINNINGS = 12  # of those that the first token makes likeliest, followed to their ends
LONGEST_WORDS = 32
KEPT = 96  # excerpts told, the likeliest
_WORD = re.compile(r"\S+")
_END_MARKS = ",;.:)!?"
_OPENING_MARKS = "(\"“'«[-–—• "


@dataclass(frozen=True, slots=True)
class _Beginning:
    """An answer that begins at a word of a text: its tokens, and by token where a word of the text ends with it."""

    text: int
    start: int
    tokens: list[int]
    ends: dict[int, int]


def point(
    forward: Forward, tokenizer: Any, logits: Tensor, cache: Cache, pointing: Pointing, check: Check
) -> list[Excerpt]:
    """The likeliest excerpts, best first. `cache` holds the prompt, `logits` (1, vocabulary) follow it.

    An excerpt's log-probability is that of its tokens and of the first token of `pointing.ending` after them.
    """
    first = logits[-1].float().log_softmax(dim=-1)
    beginnings = sorted(_beginnings(tokenizer, pointing.texts), key=lambda each: -float(first[each.tokens[0]]))
    ending = tokenizer(pointing.ending, add_special_tokens=False)["input_ids"][0]
    found: list[Excerpt] = []
    for beginning in beginnings[:BEGINNINGS]:
        check()
        own = cache.copied(cache.length + len(beginning.tokens))
        logprob = float(first[beginning.tokens[0]])
        found += _followed(forward(beginning.tokens, own, keep=0), beginning, logprob, ending)
    return sorted(found, key=lambda each: -each.logprob)[:KEPT]


def _followed(logits: Tensor, beginning: _Beginning, logprob: float, ending: int) -> Iterator[Excerpt]:
    """The excerpts that begin there, each with its end."""
    logprobs = logits.log_softmax(dim=-1)
    following = [*beginning.tokens[1:], ending]
    steps = logprobs[range(len(following)), following].tolist()
    ends = logprobs[:, ending].tolist()
    for place, step in enumerate(steps):
        if place in beginning.ends:
            yield Excerpt(beginning.text, beginning.start, beginning.ends[place], logprob + ends[place])
        logprob += step


def _beginnings(tokenizer: Any, texts: Sequence[str]) -> Iterator[_Beginning]:
    for number, text in enumerate(texts):
        words = [match.span() for match in _WORD.finditer(text)]
        for place, (start, _end) in enumerate(words):
            start += len(text[start:]) - len(text[start:].lstrip(_OPENING_MARKS))
            last = words[min(place + LONGEST_WORDS, len(words)) - 1][1]
            if start < last:
                yield from _beginning(tokenizer, number, text, start, last)


def _beginning(tokenizer: Any, number: int, text: str, start: int, last: int) -> Iterator[_Beginning]:
    said = text[start : start + 1].upper() + text[start + 1 : last]  # an answer begins with a capital
    if len(said) != last - start:  # a letter whose capital is two
        said = text[start:last]
    encoded = tokenizer(said, add_special_tokens=False, return_offsets_mapping=True)
    ends = {
        place: start + end for place, (_start, end) in enumerate(encoded["offset_mapping"]) if _ends_a_word(said, end)
    }
    if encoded["input_ids"]:
        yield _Beginning(number, start, encoded["input_ids"], ends)


def _ends_a_word(said: str, end: int) -> bool:
    """Before a space or the end, or before the mark that closes a clause."""
    mark, following = said[end : end + 1], said[end + 1 : end + 2]
    return bool(said[:end].strip()) and (not mark.strip() or (mark in _END_MARKS and not following.strip()))
