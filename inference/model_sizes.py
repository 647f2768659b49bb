"""What a model needs and how fast it should be, from its shape and a machine's measured figures. Pure arithmetic.

A decoded token reads every weight once, so its time is bytes over memory bandwidth, plus what each layer costs in
calls, which is most of it for a small model. A prompt multiplies matrices instead, so its time is operations over the
machine's rate. Drafts verified in one pass and kept prefixes make real answers faster than this; other load slower.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PROCESS_BYTES = 700 * 10**6  # the web process without weights: interpreter, torch, transformers, Django, embedder
CACHED_TOKENS = 4096
PROMPT_TOKENS = 600  # the default budget of a prompt on a processor
_ADAPTED_COPIES = 2  # on a processor an adapter is folded into a copy of the matrices; the one before it is kept too
_OPERATIONS_PER_WEIGHT = 2


class Precision(StrEnum):
    FP32 = "fp32"
    BF16 = "bf16"
    NF4 = "nf4"


# NF4 with double quantisation: 4 bits, an 8-bit scale for 64 weights, 32 bits for 256 scales (QLoRA, arXiv:2305.14314)
_BYTES: Mapping[Precision, float] = {
    Precision.FP32: 4.0,
    Precision.BF16: 2.0,
    Precision.NF4: (4 + 8 / 64 + 32 / (64 * 256)) / 8,
}


@dataclass(frozen=True, slots=True)
class ModelShape:
    """A decoder with gated feed-forward layers and grouped-query attention; `tied`: one matrix embeds and predicts."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool

    @property
    def linear_parameters(self) -> int:
        attention = 2 * self.hidden * self.head_dim * (self.heads + self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.intermediate)

    @property
    def embedding_parameters(self) -> int:
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        return self.linear_parameters + self.embedding_parameters * (1 if self.tied else 2)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> ModelShape:
        """From a model's `config.json`. Raises `ValueError` where it is not of this kind."""
        try:
            hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
            return cls(
                layers=int(config["num_hidden_layers"]),
                hidden=hidden,
                intermediate=int(config["intermediate_size"]),
                heads=heads,
                kv_heads=int(config.get("num_key_value_heads") or heads),
                head_dim=int(config.get("head_dim") or hidden // heads),
                vocabulary=int(config["vocab_size"]),
                tied=bool(config.get("tie_word_embeddings", True)),
            )
        except (KeyError, TypeError, ZeroDivisionError) as exc:
            raise ValueError(f"not the configuration of a usual decoder: {exc!r}") from exc


@dataclass(frozen=True, slots=True)
class Rates:
    """What a machine was measured to do. `nf4_weights_s` is None where four bits were not measured."""

    bytes_s: float  # weights read by a product of a matrix and one vector
    operations_s: float  # a product of two matrices
    layer_s: float  # what one layer costs beside its weights, for one token
    nf4_weights_s: float | None = None


def weight_bytes(shape: ModelShape, precision: Precision) -> int:
    """Embeddings stay in 16 bits where the other matrices have four."""
    embeddings = shape.parameters - shape.linear_parameters
    return round(shape.linear_parameters * _BYTES[precision] + embeddings * _embedding_bytes(precision))


def cache_bytes(shape: ModelShape, tokens: int = CACHED_TOKENS) -> int:
    """Keys and values of `tokens` tokens in 16 bits."""
    return 2 * shape.layers * shape.kv_heads * shape.head_dim * 2 * tokens


def serving_bytes(shape: ModelShape, precision: Precision, *, on_processor: bool, with_adapters: bool = True) -> int:
    """The whole process, changing adapters included where `with_adapters`."""
    folded = on_processor and with_adapters and precision is not Precision.NF4
    copies = _ADAPTED_COPIES * shape.linear_parameters * _BYTES[precision] if folded else 0
    return round(PROCESS_BYTES + weight_bytes(shape, precision) + cache_bytes(shape) + copies)


def decode_tokens_s(shape: ModelShape, precision: Precision, rates: Rates) -> float | None:
    """Tokens a second for one answer at a time, each predicted alone; None where it was not measured."""
    head = shape.embedding_parameters * _embedding_bytes(precision) / rates.bytes_s
    if precision is not Precision.NF4:
        body = shape.linear_parameters * _BYTES[precision] / rates.bytes_s
    elif rates.nf4_weights_s is None:
        return None
    else:
        body = shape.linear_parameters / rates.nf4_weights_s
    return 1 / (head + body + shape.layers * rates.layer_s)


def first_token_s(shape: ModelShape, rates: Rates, prompt_tokens: int = PROMPT_TOKENS) -> float:
    """Seconds from a prompt of `prompt_tokens` to its first token, with no prefix kept."""
    operations = _OPERATIONS_PER_WEIGHT * shape.linear_parameters * prompt_tokens
    return operations / rates.operations_s + shape.layers * rates.layer_s


def _embedding_bytes(precision: Precision) -> float:
    return _BYTES[Precision.BF16 if precision is Precision.NF4 else precision]
