"""One pass of a model: tokens and the keys and values of those before them in, logits out.

`ModelForward` asks any model of transformers. On a processor half of a small model's token goes into many small
operations and a cache that is copied to grow, so there `FusedForward` computes Llama, Mistral and Qwen2 itself, from
the same weights. Both call `check`, which raises to stop, before every layer.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import DynamicCache, LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM

Check: TypeAlias = Callable[[], None]
Linear: TypeAlias = tuple[Tensor, Tensor | None]

FUSED = (LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM)


class Cache(Protocol):
    """Keys and values of the tokens so far."""

    @property
    def length(self) -> int:
        """Tokens held."""
        ...

    @property
    def is_sliding(self) -> bool:
        """Whether old tokens leave it, so that it cannot be cut."""
        ...

    def cut(self, length: int) -> None:
        """Keep the first `length` tokens."""
        ...

    def copied(self, capacity: int) -> Cache:
        """Another that starts with the same tokens and has room for `capacity`."""
        ...


class Forward(Protocol):
    """A model as the decode loop sees it."""

    model: Any

    def new_cache(self, capacity: int) -> Cache:
        """An empty cache with room for `capacity` tokens."""
        ...

    def __call__(self, ids: Sequence[int], cache: Any, *, keep: int, check: Check = lambda: None) -> Tensor:
        """Logits of the last `keep` of the tokens `ids` (0: all), (n, vocabulary) float32; extends `cache`."""
        ...


def forward_of(model: Any) -> Forward:
    """The quickest way through `model`."""
    return FusedForward(model) if _can_be_fused(model) else ModelForward(model)


class ModelForward:
    """The model's own forward, with transformers' cache."""

    def __init__(self, model: Any) -> None:
        self.model = model
        for layer in next((module for module in model.modules() if isinstance(module, nn.ModuleList)), ()):
            if _check_now not in layer._forward_pre_hooks.values():  # a copy of a model has its hooks already
                layer.register_forward_pre_hook(_check_now)

    def new_cache(self, capacity: int) -> Cache:
        return _GrowingCache(self.model.config)

    def __call__(self, ids: Sequence[int], cache: _GrowingCache, *, keep: int, check: Check = lambda: None) -> Tensor:
        input_ids = torch.tensor([ids], device=self.model.device)
        _now.check = check
        try:
            with torch.inference_mode():
                output = self.model(
                    input_ids=input_ids, past_key_values=cache.kept, use_cache=True, logits_to_keep=keep
                )
                logits: Tensor = output.logits[0].float()
        finally:
            del _now.check
        return logits


_now = threading.local()
"""`check` of the pass that this thread makes. Models are copied while they work, so no hook belongs to one pass."""


def _check_now(*_passed: object) -> None:
    check = getattr(_now, "check", None)
    if check is not None:
        check()


class _GrowingCache:
    """transformers' cache. It grows by concatenation, so that what a copy was made of stays as it is."""

    def __init__(self, config: Any, layers: list[tuple[Tensor, Tensor]] | None = None) -> None:
        self._config = config
        self.kept = DynamicCache(ddp_cache_data=layers, config=config)

    @property
    def length(self) -> int:
        return int(self.kept.get_seq_length())

    @property
    def is_sliding(self) -> bool:
        return any(self.kept.is_sliding)

    def cut(self, length: int) -> None:
        if refused := self.length - length:
            self.kept.crop(-refused)

    def copied(self, capacity: int) -> Cache:
        return _GrowingCache(self._config, [(layer.keys, layer.values) for layer in self.kept.layers])


class FusedForward:
    """Llama and its like: queries, keys and values in one product, gate and up in another, one buffer for the cache.

    The stacked matrices take the place of the model's own, which become views of them; a file they were mapped from may
    stay mapped.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        config, body = model.config, model.model
        self._epsilon = config.rms_norm_eps
        self._heads, self._key_heads = config.num_attention_heads, config.num_key_value_heads
        self._rotary = body.rotary_emb
        self._layers = [_FusedLayer.of(layer) for layer in body.layers]

    def new_cache(self, capacity: int) -> Cache:
        weight = self._layers[0].queries_keys_values[0]
        width = len(weight) // (self._heads + 2 * self._key_heads)
        shape = (len(self._layers), 2, self._key_heads, capacity, width)
        return _Buffer(torch.empty(shape, dtype=weight.dtype, device=weight.device))

    def __call__(self, ids: Sequence[int], cache: _Buffer, *, keep: int, check: Check = lambda: None) -> Tensor:
        with torch.inference_mode():
            hidden = self._hidden(ids, cache, check)
            hidden = self._normed(hidden[-keep:], self.model.model.norm.weight)
            logits: Tensor = self.model.lm_head(hidden).float()
        return logits

    def _hidden(self, ids: Sequence[int], cache: _Buffer, check: Check) -> Tensor:
        """(n, hidden) after all layers."""
        begin, end = cache.length, cache.length + len(ids)
        hidden: Tensor = self.model.model.embed_tokens(torch.tensor(ids, device=cache.held.device))
        rotation = self._rotation(hidden, begin, end)
        mask = _mask(hidden, begin, end)
        for layer, held in zip(self._layers, cache.held, strict=True):
            check()
            normed = self._normed(hidden, layer.attention_norm)
            hidden = hidden + self._attended(layer, normed, held[:, :, :end], rotation, mask)
            gate, up = functional.linear(self._normed(hidden, layer.mlp_norm), *layer.gate_up).chunk(2, dim=-1)
            hidden = hidden + functional.linear(functional.silu(gate) * up, *layer.down)
        cache.length = end
        return hidden

    def _attended(
        self, layer: _FusedLayer, hidden: Tensor, held: Tensor, rotation: tuple[Tensor, Tensor], mask: Tensor | None
    ) -> Tensor:
        """(n, hidden); writes the new keys and values to the end of `held`, (2, key heads, tokens, width)."""
        n, rotated = len(hidden), self._heads + self._key_heads
        projected = functional.linear(hidden, *layer.queries_keys_values)
        by_head = projected.view(n, rotated + self._key_heads, -1).transpose(0, 1)
        cos, sin = rotation
        queries_keys = by_head[:rotated]
        queries_keys = queries_keys * cos + queries_keys.roll(queries_keys.shape[-1] // 2, dims=-1) * sin
        held[0, :, -n:] = queries_keys[self._heads :]
        held[1, :, -n:] = by_head[rotated:]
        attended = functional.scaled_dot_product_attention(
            queries_keys[None, : self._heads],
            held[0][None],
            held[1][None],
            attn_mask=mask,
            is_causal=mask is None and n > 1,
            enable_gqa=True,
        )
        return functional.linear(attended[0].transpose(0, 1).reshape(n, -1), *layer.out)

    def _rotation(self, hidden: Tensor, begin: int, end: int) -> tuple[Tensor, Tensor]:
        """Cosines and sines of the positions, (n, width); the first half of the sines negated, as `roll` needs them."""
        positions = torch.arange(begin, end, device=hidden.device)
        cos, sin = self._rotary(hidden[None], positions[None])
        first, second = sin[0].chunk(2, dim=-1)
        return cos[0], torch.cat((-first, second), dim=-1)

    def _normed(self, hidden: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(hidden, weight.shape, weight, self._epsilon)


@dataclass(slots=True)
class _Buffer:
    """`held`: (layers, 2, key heads, capacity, width), of which the first `length` tokens are filled."""

    held: Tensor
    length: int = 0

    @property
    def is_sliding(self) -> bool:
        return False

    def cut(self, length: int) -> None:
        self.length = length

    def copied(self, capacity: int) -> Cache:
        layers, both, heads, _capacity, width = self.held.shape
        copy = self.held.new_empty((layers, both, heads, capacity, width))
        copy[:, :, :, : self.length] = self.held[:, :, :, : self.length]
        return _Buffer(copy, self.length)


@dataclass(frozen=True, slots=True)
class _FusedLayer:
    attention_norm: Tensor
    queries_keys_values: Linear
    out: Linear
    mlp_norm: Tensor
    gate_up: Linear
    down: Linear

    @classmethod
    def of(cls, layer: Any) -> _FusedLayer:
        attention, mlp = layer.self_attn, layer.mlp
        return cls(
            attention_norm=layer.input_layernorm.weight,
            queries_keys_values=_stacked(attention.q_proj, attention.k_proj, attention.v_proj),
            out=(attention.o_proj.weight, attention.o_proj.bias),
            mlp_norm=layer.post_attention_layernorm.weight,
            gate_up=_stacked(mlp.gate_proj, mlp.up_proj),
            down=(mlp.down_proj.weight, mlp.down_proj.bias),
        )


def _stacked(*layers: nn.Linear) -> Linear:
    """One matrix of them all, whose rows become theirs; the one they are rows of already, where they are."""
    weight = _whole([layer.weight for layer in layers])
    if weight is None:
        weight = torch.cat([layer.weight.detach() for layer in layers])
        for layer, rows in zip(layers, weight.split([len(layer.weight) for layer in layers]), strict=True):
            layer.weight = nn.Parameter(rows, requires_grad=False)
    biases = [layer.bias for layer in layers if layer.bias is not None]
    return weight, torch.cat(biases) if biases else None


def _whole(weights: list[nn.Parameter]) -> Tensor | None:
    """The matrix that `weights` are the consecutive rows of, if they are: another model stacked those it shares."""
    first = weights[0]
    place = first.data_ptr()
    for weight in weights:
        if weight.data_ptr() != place or weight.untyped_storage().data_ptr() != first.untyped_storage().data_ptr():
            return None
        place += weight.numel() * weight.element_size()
    rows = sum(map(len, weights))
    return first.detach().as_strided((rows, first.shape[1]), first.stride(), first.storage_offset())


def _mask(hidden: Tensor, begin: int, end: int) -> Tensor | None:
    """What new tokens may not see, added to their scores, (n, tokens); None where nothing or a causal mask will do."""
    if begin == 0 or end - begin == 1:
        return None
    return hidden.new_full((end - begin, end), -math.inf).triu_(begin + 1)


def _can_be_fused(model: Any) -> bool:
    """On a processor, plain matrices, and nothing in the configuration that `FusedForward` does not compute."""
    if type(model) not in FUSED or model.device.type != "cpu":
        return False
    config = model.config
    head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return (
        all(type(projection) is nn.Linear for projection in _projections(model))
        and config.hidden_act == "silu"
        and 2 * len(model.model.rotary_emb.inv_freq) == head_width
        and not any(DynamicCache(config=config).is_sliding)
    )


def _projections(model: Any) -> Iterator[nn.Module]:
    for layer in model.model.layers:
        attention, mlp = layer.self_attn, layer.mlp
        yield from (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
        yield from (mlp.gate_proj, mlp.up_proj, mlp.down_proj)
