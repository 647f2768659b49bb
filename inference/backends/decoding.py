"""The decode loop: prompt tokens in, chosen tokens with their log-probabilities out. Knows no text and no queue.

`generate` of transformers can neither stop a prefill nor report log-probabilities as it goes, keeps tokens after a stop
string, and hangs a streamer when it fails. This loop verifies n-gram drafts in one pass where the choice is greedy, and
calls `check` before every pass, in a prefill before every layer: a cancellation or a deadline takes effect at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from inference.backends.forward import Cache, Check, Forward
from inference.backends.prefixes import SHORTEST_TOKENS, PrefixCache

PREFILL_CHUNK_TOKENS = 1024  # more costs memory, fewer cost time: 2,000 take 2.4 s by 512, 3.2 by 256
DRAFT_TOKENS = 8  # measured: prompt lookup with 8 halves the seconds of an answer that quotes
_LONGEST_NGRAM = 3
_SHORTEST_NGRAM = 2
_COLDEST = 1e-4  # below it only rounding is left to chance, and dividing by it ends in NaN, which kills a CUDA context


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to choose a token. `temperature` 0 is greedy; others sample with `seed`, or unrepeatably without."""

    temperature: float = 0.0
    top_p: float = 1.0
    repetition_penalty: float = 1.0
    seed: int | None = None

    @property
    def is_greedy(self) -> bool:
        return self.temperature < _COLDEST

    @property
    def is_plain(self) -> bool:
        """Whether drafts and batches serve it. A processor would have to run once per drafted token, and a repetition
        penalty punishes quoting."""
        return self.is_greedy and self.repetition_penalty == 1.0


@dataclass(frozen=True, slots=True)
class Token:
    """A chosen token; `logprob` is the model's own, before temperature and penalty."""

    id: int
    logprob: float


def decode(
    forward: Forward,
    prompt: list[int],
    *,
    sampling: Sampling,
    max_new_tokens: int,
    end_ids: Collection[int],
    check: Check,
    draft_tokens: int = DRAFT_TOKENS,
    prefix_tokens: int = 0,
    prefixes: PrefixCache | None = None,
) -> Iterator[Token]:
    """Yield up to `max_new_tokens` tokens, an end token last if one was chosen. `check` raises to stop.

    The first `prefix_tokens` of `prompt` are those that other prompts begin with too; `prefixes` keeps them computed.
    """
    sequence = list(prompt)
    capacity = len(prompt) + max_new_tokens
    cache, logits = prefilled(forward, prompt, capacity, check, prefix_tokens=prefix_tokens, prefixes=prefixes)
    drafts = _Drafts(sequence, draft_tokens if sampling.is_plain and not cache.is_sliding else 0)
    choose = _Chooser(sampling, forward.model.device)
    room = max_new_tokens
    draft: list[int] = []
    while room > 0:
        accepted = _verified(logits, draft, choose, sequence)[:room]
        for token in accepted:
            sequence.append(token.id)
            yield token
            if token.id in end_ids:
                return
        room -= len(accepted)
        if room <= 0:
            return
        cache.cut(len(sequence) - 1)  # all but the newest token have their keys and values; those of refused drafts go
        draft = drafts.propose()[: room - 1]
        check()
        logits = forward([sequence[-1], *draft], cache, keep=0)


def prefilled(
    forward: Forward,
    prompt: list[int],
    capacity: int,
    check: Check,
    *,
    prefix_tokens: int = 0,
    prefixes: PrefixCache | None = None,
) -> tuple[Cache, Tensor]:
    """A cache that holds `prompt` and has room for `capacity` tokens, and the logits after it, (1, vocabulary)."""
    cache = _with_prefix(forward, prompt[:prefix_tokens], prefixes, capacity, check)
    return cache, _prefill(forward, prompt, cache, check)


def _with_prefix(
    forward: Forward, prefix: list[int], prefixes: PrefixCache | None, capacity: int, check: Check
) -> Cache:
    """A cache that holds `prefix`, from `prefixes` or computed now; an empty one where it is not worth it."""
    cache = forward.new_cache(capacity)
    if prefixes is None or len(prefix) < SHORTEST_TOKENS:
        return cache
    if kept := prefixes.started(prefix, capacity):
        return kept
    _prefill(forward, prefix, cache, check)
    prefixes.keep(prefix, cache)
    return cache


def _prefill(forward: Forward, prompt: list[int], cache: Cache, check: Check) -> Tensor:
    """The logits after the last prompt token, (1, vocabulary). What `cache` holds is the prompt's beginning."""
    for start in range(cache.length, len(prompt), PREFILL_CHUNK_TOKENS):
        logits = forward(prompt[start : start + PREFILL_CHUNK_TOKENS], cache, keep=1, check=check)
    return logits


def _verified(logits: Tensor, draft: list[int], choose: _Chooser, sequence: list[int]) -> list[Token]:
    """The chosen token of each row as long as the draft agrees, and the first one where it does not."""
    if not draft:
        return [choose(logits[-1], sequence)]
    best, ids = logits.max(dim=-1)
    logprobs = (best - logits.logsumexp(dim=-1)).tolist()
    chosen: list[Token] = []
    for row, token_id in enumerate(ids.tolist()):
        chosen.append(Token(token_id, logprobs[row]))
        if row < len(draft) and draft[row] != token_id:
            break
    return chosen


class _Chooser:
    """Picks one token from a row of logits."""

    def __init__(self, sampling: Sampling, device: torch.device) -> None:
        self._sampling = sampling
        self._generator = torch.Generator(device)
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed)

    def __call__(self, logits: Tensor, sequence: list[int]) -> Token:
        processed = self._penalised(logits, sequence)
        if self._sampling.is_greedy:
            token_id = int(processed.argmax())
        else:
            token_id = self._sampled(processed / self._sampling.temperature)
        return Token(token_id, float(logits[token_id] - logits.logsumexp(dim=-1)))

    def _penalised(self, logits: Tensor, sequence: list[int]) -> Tensor:
        """Keskar et al. 2019 (CTRL), as transformers does it: over prompt and answer."""
        penalty = self._sampling.repetition_penalty
        if penalty == 1.0:
            return logits
        seen = torch.tensor(sorted(set(sequence)), device=logits.device)
        scores = logits[seen]
        return logits.scatter(0, seen, torch.where(scores < 0, scores * penalty, scores / penalty))

    def _sampled(self, logits: Tensor) -> int:
        """Nucleus sampling (Holtzman et al. 2020): the fewest tokens that hold `top_p` of the probability, at least
        one."""
        probabilities, ids = logits.softmax(dim=-1).sort(descending=True)
        before = probabilities.cumsum(dim=-1) - probabilities
        kept = probabilities.masked_fill((before > 0) & (before >= self._sampling.top_p), 0.0)
        return int(ids[torch.multinomial(kept, 1, generator=self._generator)])


class _Drafts:
    """Guesses what follows: what followed the last time the same two or three tokens stood in the sequence."""

    def __init__(self, sequence: list[int], longest: int) -> None:
        self._sequence = sequence
        self._longest = longest
        self._after: dict[tuple[int, ...], int] = {}
        self._indexed = 0

    def propose(self) -> list[int]:
        """Up to `longest` tokens; none where nothing like the end of the sequence stood before."""
        if not self._longest:
            return []
        self._index()
        for size in range(_LONGEST_NGRAM, _SHORTEST_NGRAM - 1, -1):
            start = self._after.get(tuple(self._sequence[-size:]))
            if start is not None:
                return self._sequence[start : start + self._longest]
        return []

    def _index(self) -> None:
        """Note where each n-gram that has a successor ends; the newest place wins."""
        for end in range(self._indexed, len(self._sequence)):
            for size in range(_SHORTEST_NGRAM, min(_LONGEST_NGRAM, end) + 1):
                self._after[tuple(self._sequence[end - size : end])] = end
        self._indexed = len(self._sequence)
