"""Keys and values of prompt beginnings that come again and again: the instructions of every question."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from transformers import DynamicCache

SHORTEST_TOKENS = 16  # less costs nothing to compute again
KEPT_TOKENS = 2048  # together; the bundled model takes 23 kB each

_Layers = list[tuple[Tensor, Tensor]]


class PrefixCache:
    """The prefixes used last, by their tokens. Belongs to one model with one adapter and to its one worker thread.

    What is kept is bit for bit what computing it again would give: the prefix is always a pass of its own.
    """

    def __init__(self, config: Any, limit_tokens: int = KEPT_TOKENS) -> None:
        self._config = config
        self._limit_tokens = limit_tokens
        self._kept: OrderedDict[tuple[int, ...], _Layers] = OrderedDict()

    @property
    def tokens(self) -> int:
        return sum(map(len, self._kept))

    def started(self, prefix: Sequence[int]) -> DynamicCache | None:
        """A cache that holds `prefix` already; None where it is not kept."""
        tokens = tuple(prefix)
        if tokens not in self._kept:
            return None
        self._kept.move_to_end(tokens)
        return DynamicCache(ddp_cache_data=self._kept[tokens], config=self._config)

    def keep(self, prefix: Sequence[int], cache: DynamicCache) -> None:
        """Remember `prefix`, which is what `cache` holds. A cache grows by concatenation, so that stays as it is."""
        if len(prefix) > self._limit_tokens or any(cache.is_sliding):
            return
        self._kept[tuple(prefix)] = [(layer.keys, layer.values) for layer in cache.layers]
        while self.tokens > self._limit_tokens:
            self._kept.popitem(last=False)
