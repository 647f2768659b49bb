"""HTTP of OpenAI's protocol: validate, call one function, answer in its shapes. By API key only, never by session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from itertools import chain
from typing import Any

from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from chat.authentication import ApiKeyAuthentication
from chat.errors import problem_of
from chat.exceptions import ModelUnknown
from chat.permissions import MayChat, asker_of
from chat.throttling import ChatThrottle, EmbeddingThrottle
from chat.v1 import shapes
from chat.v1.catalogue import ASSISTANT, catalogue, find_model, find_served
from chat.v1.embedding import count_tokens, embed
from chat.v1.requests import CompletionRequest, Dialogue, EmbeddingRequest
from chat.v1.speakers import Parts, assistant, local_model
from chat.views import JSONWhateverIsAccepted
from inference.hangup import hangup_of
from inference.permissions import MayGenerate
from retrieval.generations import serving_embedder

# The openai client repeats every failure from 500 on. A full queue or a model still loading is worth it, and it waits
# for as long as Retry-After says; whoever has waited for the whole deadline, or may have paid, is to decide anew.
NOT_REPEATED = frozenset({"deadline_exceeded", "fallback_failed"})

ERRORS: Mapping[int, Any] = {
    status: OpenApiResponse(OpenApiTypes.OBJECT, '`{"error": {"message", "type", "param", "code"}}`')
    for status in (400, 401, 403, 404, 413, 429, 502, 503, 504)
}


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's hook: what a view raised, in OpenAI's shape."""
    problem = problem_of(exc)
    headers = dict(problem.headers) | ({"x-should-retry": "false"} if problem.code in NOT_REPEATED else {})
    return Response(problem.as_openai(), status=problem.status, headers=headers)


class V1View(APIView):
    """What the calls have in common."""

    authentication_classes = [ApiKeyAuthentication]
    content_negotiation_class = JSONWhateverIsAccepted

    def get_exception_handler(self) -> Callable[[Exception, Mapping[str, Any]], Response]:
        return exception_handler

    def admit(self, request: Request, permission: BasePermission, throttle: BaseThrottle | None = None) -> None:
        """What only the body tells: who may do this, and how often."""
        if not permission.has_permission(request, self):
            self.permission_denied(request)
        if throttle is not None and not throttle.allow_request(request, self):
            self.throttled(request, throttle.wait() or 1.0)


class CompletionsView(V1View):
    """Ask the assistant (`aion`), or the local model directly."""

    @extend_schema(
        operation_id="v1_chat_completions",
        request=CompletionRequest,
        responses={
            200: OpenApiResponse(OpenApiTypes.OBJECT, "OpenAI's `chat.completion`"),
            (200, "text/event-stream"): OpenApiResponse(str, "With `stream`: `chat.completion.chunk`s, then `[DONE]`."),
            **ERRORS,
        },
    )
    def post(self, request: Request) -> HttpResponseBase:
        asked = CompletionRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        dialogue = asked.dialogue()
        parts = self._speaker(request, dialogue)
        if asked.validated_data["stream"]:
            return _stream(parts, dialogue.model, include_usage=asked.includes_usage)
        return Response(shapes.completion(parts, dialogue.model))

    def _speaker(self, request: Request, dialogue: Dialogue) -> Parts:
        cancelled = hangup_of(request._request)
        if dialogue.model == ASSISTANT:
            self.admit(request, MayChat(), ChatThrottle())
            return assistant(dialogue, asker=asker_of(request), cancelled=cancelled)
        self.admit(request, MayGenerate())
        return local_model(dialogue, find_served(dialogue.model), cancelled=cancelled)


class ModelsView(V1View):
    """The names that `model` may have."""

    @extend_schema(
        operation_id="v1_models",
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "OpenAI's list of `model`s"), **ERRORS},
    )
    def get(self, request: Request) -> Response:
        return Response(shapes.model_list(catalogue()))


class ModelView(V1View):
    """One of them."""

    @extend_schema(
        operation_id="v1_model", responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "OpenAI's `model`"), **ERRORS}
    )
    def get(self, request: Request, model_id: str) -> Response:
        return Response(shapes.model_card(find_model(model_id)))


class EmbeddingsView(V1View):
    """Vectors of the embedder that the search uses."""

    permission_classes = [MayChat]
    throttle_classes = [EmbeddingThrottle]

    @extend_schema(
        operation_id="v1_embeddings",
        request=EmbeddingRequest,
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "OpenAI's list of `embedding`s"), **ERRORS},
    )
    def post(self, request: Request) -> Response:
        asked = EmbeddingRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        fields = asked.validated_data
        embedder = serving_embedder()
        if fields["model"] not in (embedder.id, ASSISTANT):
            raise ModelUnknown(fields["model"], serving=embedder.id)
        if fields.get("dimensions", embedder.dimensions) != embedder.dimensions:
            raise ValidationError(
                {"dimensions": [_("The vectors have %(count)d dimensions.") % {"count": embedder.dimensions}]}
            )
        vectors = embed(fields["input"], kind=fields["input_type"], cancelled=hangup_of(request._request))
        tokens = count_tokens(fields["input"])
        return Response(
            shapes.embeddings(vectors, model=embedder.id, tokens=tokens, encoding=fields["encoding_format"])
        )


def _stream(parts: Parts, model: str, *, include_usage: bool) -> StreamingHttpResponse:
    """The first part is awaited here, so that a refusal, such as a full queue, is an HTTP error that clients repeat."""
    first = next(parts)

    def events() -> Iterator[str]:
        with closing(parts):
            try:
                yield from shapes.chunks(chain([first], parts), model, include_usage=include_usage)
            except Exception as exc:  # noqa: BLE001  # the outermost edge of a request; problem_of logs it
                yield shapes.failure(problem_of(exc).as_openai())

    response = StreamingHttpResponse(events(), content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response
