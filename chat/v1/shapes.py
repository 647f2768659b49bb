"""OpenAI's shapes: what a completion, its chunks, a list of models and embeddings look like. Pure."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from chat.answers import StillWaiting
from chat.v1.catalogue import Model
from chat.v1.speakers import Ended, Part
from inference.engine import Delta, Usage
from retrieval.embeddings import Vectors

DONE: Final = "data: [DONE]\n\n"
WAITING: Final = ": waiting\n\n"  # a comment, which clients skip
_FINGERPRINT_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Heading:
    """What all chunks of one answer have in common."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def over(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, **fields}


def completion(parts: Iterable[Part], model: str) -> dict[str, Any]:
    """The whole answer."""
    text, ended = "", None
    for part in parts:
        if isinstance(part, Delta):
            text += part.text
        elif isinstance(part, Ended):
            ended = part
    assert ended is not None, "every speaker ends or raises"  # noqa: S101
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": ended.finish_reason}
    return Heading(model).over("chat.completion", choices=[choice], usage=_usage(ended.usage), **_origin(ended))


def chunks(parts: Iterable[Part], model: str, *, include_usage: bool) -> Iterator[str]:
    """The same as server-sent events, `[DONE]` last."""
    heading = Heading(model)
    unknown: dict[str, Any] = {"usage": None} if include_usage else {}

    def chunk(delta: dict[str, str], finish_reason: str | None = None, **fields: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _event(heading.over("chat.completion.chunk", choices=[choice], **fields, **unknown))

    yield chunk({"role": "assistant", "content": ""})
    for part in parts:
        match part:
            case StillWaiting():
                yield WAITING
            case Delta():
                yield chunk({"content": part.text})
            case Ended():
                yield chunk({}, part.finish_reason, **_origin(part))
                if include_usage:
                    yield _event(heading.over("chat.completion.chunk", choices=[], usage=_usage(part.usage)))
    yield DONE


def failure(error: dict[str, Any]) -> str:
    """An error after the first byte: clients raise it; no `[DONE]` follows."""
    return _event(error)


def model_card(model: Model) -> dict[str, Any]:
    """OpenAI's four fields, vLLM's `parent` of an adapter, and whether it is what answers now."""
    card = {"id": model.id, "object": "model", "created": int(model.created.timestamp()), "owned_by": "aion"}
    return card | {"parent": model.parent or None, "served": model.served, "digest": model.digest or None}


def model_list(models: Sequence[Model]) -> dict[str, Any]:
    return {"object": "list", "data": [model_card(model) for model in models]}


def embeddings(vectors: Vectors, *, model: str, tokens: int, encoding: str) -> dict[str, Any]:
    """`vectors` (n, d) as lists of numbers, or as base64 of little-endian float32, which clients ask for by default."""
    data = [
        {"object": "embedding", "index": at, "embedding": _encoded(vector, encoding)}
        for at, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": model, "usage": usage}


def _encoded(vector: Vectors, encoding: str) -> str | list[float]:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _origin(ended: Ended) -> dict[str, Any]:
    """What made the answer: the adapter's digest, and on request the route."""
    fingerprint = f"fp_{ended.adapter_digest[:_FINGERPRINT_DIGITS]}" if ended.adapter_digest else None
    return {"system_fingerprint": fingerprint} | ({"aion": ended.aion} if ended.aion is not None else {})


def _event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"
