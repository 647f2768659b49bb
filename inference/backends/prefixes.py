"""Keys and values of prompt beginnings that come again and again: the instructions of every question."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from inference.backends.forward import Cache

SHORTEST_TOKENS = 16  # less costs nothing to compute again
KEPT_TOKENS = 2048  # together; the bundled model takes 23 kB each


class PrefixCache:
    """The prefixes used last, by their tokens. Belongs to one model with one adapter and to its one worker thread.

    What is kept is bit for bit what computing it again would give: the prefix is always a pass of its own.
    """

    def __init__(self, limit_tokens: int = KEPT_TOKENS) -> None:
        self._limit_tokens = limit_tokens
        self._kept: OrderedDict[tuple[int, ...], Cache] = OrderedDict()

    @property
    def tokens(self) -> int:
        return sum(map(len, self._kept))

    def started(self, prefix: Sequence[int], capacity: int) -> Cache | None:
        """A cache that holds `prefix` already, with room for `capacity` tokens; None where it is not kept."""
        tokens = tuple(prefix)
        if tokens not in self._kept:
            return None
        self._kept.move_to_end(tokens)
        return self._kept[tokens].copied(capacity)

    def keep(self, prefix: Sequence[int], cache: Cache) -> None:
        """Remember `prefix`, which is what `cache` holds."""
        if len(prefix) > self._limit_tokens or cache.is_sliding:
            return
        self._kept[tuple(prefix)] = cache.copied(len(prefix))
        while self.tokens > self._limit_tokens:
            self._kept.popitem(last=False)
