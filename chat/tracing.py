"""The spans and figures of a question by OpenTelemetry's conventions for generative AI. They go nowhere, and cost next
to nothing, unless AION is told where to send them.

A question is a generator that others step through, so spans name their parent instead of being "the current one". What
was asked, found and answered is left out unless OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT asks for it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from django.conf import settings
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, StatusCode

from chat.answers import Answer
from inference.engine import (
    Engine,
    EngineStatus,
    GenerationPart,
    GenerationRequest,
    GenerationResult,
    Message,
    ServedAdapter,
    Usage,
)
from inference.serving import get_engine
from retrieval.results import Retrieval

HERE: Final = "aion"  # the provider's name of the model on this machine
_WITH_CONTENT: Final = frozenset({"true", "span_only", "span_and_event"})
_SECONDS: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_COUNTS: Final = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)

_tracer = trace.get_tracer("aion.chat")
_meter = metrics.get_meter("aion.chat")
_duration = _meter.create_histogram(
    "gen_ai.client.operation.duration", "s", "GenAI operation duration.", explicit_bucket_boundaries_advisory=_SECONDS
)
_tokens = _meter.create_histogram(
    "gen_ai.client.token.usage",
    "{token}",
    "Number of input and output tokens used.",
    explicit_bucket_boundaries_advisory=_COUNTS,
)

Attributes = Mapping[str, str | bool | int | float | Sequence[str]]


def question() -> Span:
    """The span of a whole question, to be ended by whoever asked for it; within the request's."""
    return _tracer.start_span(
        "invoke_workflow answer",
        attributes={
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": "answer",
        },
    )


def beneath(span: Span) -> Context:
    """What names `span` as the parent of others."""
    return trace.set_span_in_context(span, Context())


def tell_answer(span: Span, answer: Answer) -> None:
    """How a question ended, and what the check of its answer against the passages said."""
    span.set_attributes(
        {
            "aion.route": answer.used,
            "aion.reason": answer.reason,
            "aion.mode": answer.mode,
            "aion.confidence": answer.confidence,
            "aion.tau": answer.tau,
        }
    )
    if answer.conversation_id:
        span.set_attribute("gen_ai.conversation.id", str(answer.conversation_id))
    if answer.grounded is not None:
        evaluation: Attributes = {
            "gen_ai.evaluation.name": "groundedness",
            "gen_ai.evaluation.score.value": float(answer.grounded),
            "gen_ai.evaluation.score.label": "grounded" if answer.grounded else "not_grounded",
        }
        span.add_event("gen_ai.evaluation.result", evaluation)


def fail(span: Span, exc: BaseException) -> None:
    """Only the kind of failure: its message may hold what was asked. Who hangs up is no failure."""
    if not isinstance(exc, GeneratorExit):
        span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", type(exc).__name__)


@contextmanager
def retrieving(parent: Context, asked: str) -> Iterator[Callable[[Retrieval], None]]:
    """The search for `asked`; call what this gives with what was found."""
    attributes: dict[str, str] = {"gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": "documents"}
    if _with_content():
        attributes["gen_ai.retrieval.query.text"] = asked
    with _span("retrieval documents", parent, attributes) as span:
        yield lambda found: _tell_found(span, found)


def _tell_found(span: Span, found: Retrieval) -> None:
    span.set_attributes({"aion.retrieval.candidates": len(found.candidates), "gen_ai.request.model": found.embedder})
    documents = [{"id": str(chunk.chunk_id), "score": round(chunk.score, 4)} for chunk in found.selected]
    if _with_content():
        documents = [told | {"content": chunk.text} for told, chunk in zip(documents, found.selected, strict=True)]
    span.set_attribute("gen_ai.retrieval.documents", json.dumps(documents, ensure_ascii=False))


@dataclass(slots=True)
class ModelCall:
    """One call of a model, as it is to be told: who is asked, and what came of it by now."""

    provider: str
    model: str
    request: Mapping[str, str | int | float | Sequence[str]]
    messages: Sequence[Message]
    server: str = ""
    result: GenerationResult | None = None
    usage: Usage | None = None


@contextmanager
def calling(parent: Context, call: ModelCall) -> Iterator[None]:
    """A span and figures for `call`, whose `result` and `usage` are read at its end."""
    asked = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.model,
    } | ({"server.address": call.server} if call.server else {})
    began = time.monotonic()
    failure = ""
    with _span(f"chat {call.model}", parent, {**asked, **call.request}, SpanKind.CLIENT) as span:
        try:
            yield
        except BaseException as exc:
            failure = type(exc).__name__
            raise
        finally:
            _tell_call(span, call)
            measured = asked | ({"error.type": failure} if failure else {})
            if call.result is not None:
                measured["gen_ai.response.model"] = call.result.model
            _duration.record(time.monotonic() - began, measured)
            if call.usage is not None:
                _tokens.record(call.usage.input_tokens, measured | {"gen_ai.token.type": "input"})
                _tokens.record(call.usage.output_tokens, measured | {"gen_ai.token.type": "output"})


def _tell_call(span: Span, call: ModelCall) -> None:
    if call.usage is not None:
        span.set_attribute("gen_ai.usage.input_tokens", call.usage.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", call.usage.output_tokens)
    if call.result is not None:
        span.set_attribute("gen_ai.response.model", call.result.model)
        span.set_attribute("gen_ai.response.finish_reasons", (call.result.finish_reason,))
        span.set_attribute("gen_ai.response.time_to_first_chunk", call.result.time_to_first_token_ms / 1000)
        if call.result.adapter_digest:
            span.set_attribute("aion.adapter.digest", call.result.adapter_digest)
    if _with_content():
        said = [("assistant", call.result.text)] if call.result else []
        asked = [(message.role, message.content) for message in call.messages]
        span.set_attribute("gen_ai.input.messages", _as_json(asked))
        span.set_attribute("gen_ai.output.messages", _as_json(said))


class TracedEngine:
    """`engine`, or the one that serves; each generation is a span beneath `parent`."""

    def __init__(self, engine: Engine | None, parent: Context) -> None:
        self._engine = engine
        self._parent = parent

    def load(self) -> None:
        self._asked().load()

    def unload(self) -> None:
        self._asked().unload()

    def status(self) -> EngineStatus:
        return self._asked().status()

    def count_tokens(self, text: str) -> int:
        return self._asked().count_tokens(text)

    def serve_adapter(self, adapter: ServedAdapter | None) -> None:
        self._asked().serve_adapter(adapter)

    def generate(
        self, request: GenerationRequest, *, cancelled: Callable[[], bool] = lambda: False
    ) -> Generator[GenerationPart, None, None]:
        engine = self._asked()
        call = ModelCall(HERE, engine.status().base_model or HERE, _parameters(request), request.messages)
        with (
            calling(self._parent, call),
            closing(engine.generate(request, cancelled=cancelled)) as parts,  # type: ignore[type-var]  # a generator
        ):
            for part in parts:
                if isinstance(part, GenerationResult):
                    call.result, call.usage = part, part.usage
                yield part

    def _asked(self) -> Engine:
        return self._engine or get_engine()


def _parameters(request: GenerationRequest) -> dict[str, str | int | float | Sequence[str]]:
    asked: dict[str, str | int | float | Sequence[str]] = {
        "gen_ai.request.max_tokens": request.max_new_tokens,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.top_p": request.top_p,
    }
    return asked | ({"gen_ai.request.stop_sequences": request.stop} if request.stop else {})


@contextmanager
def _span(name: str, parent: Context, attributes: Attributes, kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
    span = _tracer.start_span(name, parent, kind, attributes)
    try:
        yield span
    except BaseException as exc:
        fail(span, exc)
        raise
    finally:
        span.end()


def _with_content() -> bool:
    return settings.OTEL_CAPTURE_CONTENT.lower() in _WITH_CONTENT


def _as_json(said: Sequence[tuple[str, str]]) -> str:
    """Messages in the shape of the conventions."""
    return json.dumps(
        [{"role": role, "parts": [{"type": "text", "content": text}]} for role, text in said], ensure_ascii=False
    )
