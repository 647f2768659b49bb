"""Requests and parts as JSON lines, between processes of one installation. The two ends are this module's functions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

from inference import exceptions
from inference.engine import (
    Delta,
    Engine,
    EngineState,
    EngineStatus,
    Excerpt,
    GenerationPart,
    GenerationRequest,
    GenerationResult,
    Message,
    Pointing,
    Priority,
    Usage,
    Waiting,
)

_PARTS: dict[str, type[GenerationPart]] = {"delta": Delta, "waiting": Waiting, "result": GenerationResult}
_ERRORS = (
    exceptions.DeadlineExceeded,
    exceptions.GenerationCancelled,
    exceptions.ModelNotFound,
    exceptions.EngineUnavailable,
    exceptions.GenerationFailed,
)


def encode_request(request: GenerationRequest) -> str:
    return json.dumps({"generate": asdict(request)})


def encode_count(text: str) -> str:
    return json.dumps({"count": text})


def serve(engine: Engine, body: str, cancelled: Callable[[], bool]) -> Iterator[str]:
    """Answer one body with lines: the engine's status first, then parts (or a count), an error last if there is one.

    Raises ValueError on a body that is not one of ours.
    """
    asked = json.loads(body)
    if not isinstance(asked, dict):
        raise ValueError("not an object")
    request = _request(asked["generate"]) if "generate" in asked else None
    yield _line("status", asdict(engine.status()))
    if "count" in asked:
        yield _line("count", {"tokens": engine.count_tokens(str(asked["count"]))})
    if request is None:
        return
    try:
        for part in engine.generate(request, cancelled=cancelled):
            yield _line(_kind(part), asdict(part))
    except exceptions.EngineBusy as exc:
        yield _line("busy", {"retry_after_s": exc.retry_after_s})
    except exceptions.PromptTooLong as exc:
        fields = {"prompt_tokens": exc.prompt_tokens, "answer_tokens": exc.answer_tokens, "window": exc.window}
        yield _line("too_long", fields)
    except exceptions.InferenceError as exc:
        yield _line("error", {"type": type(exc).__name__, "message": str(exc)})


def decode_line(line: str) -> GenerationPart | EngineStatus | int:
    """A part, the status, or a count. Raises the error that the line carries, `GenerationFailed` on nonsense."""
    try:
        [(kind, value)] = json.loads(line).items()
        return _decoded(kind, value)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise exceptions.GenerationFailed("the serving process sent something else than its protocol") from exc


def _decoded(kind: str, value: dict[str, Any]) -> GenerationPart | EngineStatus | int:
    if kind == "status":
        return EngineStatus(**value | {"state": EngineState(value["state"])})
    if kind == "count":
        return int(value["tokens"])
    if kind == "busy":
        raise exceptions.EngineBusy(float(value["retry_after_s"]))
    if kind == "too_long":
        raise exceptions.PromptTooLong(**value)
    if kind == "error":
        raise _error(value)
    if kind == "result":
        excerpts = tuple(Excerpt(**excerpt) for excerpt in value.get("excerpts", ()))
        return GenerationResult(**value | {"usage": Usage(**value["usage"]), "excerpts": excerpts})
    return _PARTS[kind](**value)


def _error(value: dict[str, Any]) -> exceptions.InferenceError:
    kinds = {kind.__name__: kind for kind in _ERRORS}
    return kinds.get(value["type"], exceptions.GenerationFailed)(value["message"])


def _request(value: dict[str, Any]) -> GenerationRequest:
    try:
        messages = tuple(Message(**message) for message in value.pop("messages"))
        stop = tuple(value.pop("stop", ()))
        priority, pointing = Priority(value["priority"]), value.get("pointing")
        pointing = Pointing(tuple(pointing["texts"]), pointing["ending"]) if pointing else None
        return GenerationRequest(messages, stop=stop, **value | {"priority": priority, "pointing": pointing})
    except (KeyError, TypeError) as exc:
        raise ValueError("not a generation request") from exc


def _kind(part: GenerationPart) -> str:
    return next(kind for kind, known in _PARTS.items() if isinstance(part, known))


def _line(kind: str, value: dict[str, Any]) -> str:
    return json.dumps({kind: value}, ensure_ascii=False) + "\n"
