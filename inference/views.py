"""HTTP of the model: validate, call one function, answer. The two kept adapter calls say `ok` instead of failing."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import chain
from typing import Any

from django.http import StreamingHttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from inference import adapters
from inference.direct import PromptTooLong, generate_directly
from inference.exceptions import AdapterRejected, EngineBusy, InferenceError
from inference.hangup import hangup_of
from inference.permissions import IsService, MayGenerate, MayLoadAdapters, MayMergeAdapters
from inference.serializers import GenerateRequest, ReloadRequest
from inference.serving import get_engine, serve_wire


class GenerateView(APIView):
    """Write text directly with the local model."""

    permission_classes = [MayGenerate]

    @extend_schema(
        operation_id="generate",
        request=GenerateRequest,
        responses=OpenApiResponse(description='`{"ok": true, "ms", "text", "usage"}`'),
    )
    def post(self, request: Request) -> Response:
        started = time.monotonic()
        given = GenerateRequest(data=request.data)
        given.is_valid(raise_exception=True)
        try:
            result = generate_directly(given.asked(), engine=get_engine(), cancelled=hangup_of(request._request))
        except PromptTooLong as exc:
            sentence = _("Too long for the model: %(tokens)d tokens, at most %(limit)d.")
            raise ValidationError({"prompt": [sentence % {"tokens": exc.tokens, "limit": exc.limit}]}) from exc
        return Response(
            {
                "ok": True,
                "ms": round((time.monotonic() - started) * 1000),
                "text": result.text,
                "usage": {"input_tokens": result.usage.input_tokens, "output_tokens": result.usage.output_tokens},
                "model": result.model,
                "adapter": result.adapter,
                "adapterDigest": result.adapter_digest,
                "warnings": given.unknown_fields,
            }
        )

    def handle_exception(self, exc: Exception) -> Response:
        """The usual error, with the `ok: false` that older clients look at."""
        response = super().handle_exception(exc)
        response.data = {"ok": False, **response.data}
        return response


class ReloadView(APIView):
    """Serve the adapter of the configured folder, or one of the registry."""

    permission_classes = [MayLoadAdapters]

    @extend_schema(operation_id="adapter_reload", request=ReloadRequest, responses=OpenApiResponse(description="`ok`"))
    def post(self, request: Request) -> Response:
        given = ReloadRequest(data=request.data)
        given.is_valid(raise_exception=True)
        adapter_id = given.validated_data.get("adapter")
        return _told(lambda: adapters.reload_adapter(adapter_id, by=_person(request)), given.unknown_fields)


class MergeView(APIView):
    """Serve the model with the adapter merged into a fresh copy of it."""

    permission_classes = [MayMergeAdapters]

    @extend_schema(operation_id="adapter_merge", request=None, responses=OpenApiResponse(description="`ok`"))
    def post(self, request: Request) -> Response:
        return _told(lambda: adapters.merge_adapter(by=_person(request)))


class RollbackView(APIView):
    """Serve again what served before."""

    permission_classes = [MayLoadAdapters]

    @extend_schema(operation_id="adapter_rollback", request=None, responses=OpenApiResponse(description="`ok`"))
    def post(self, request: Request) -> Response:
        return _told(lambda: adapters.rollback_adapter(by=_person(request)))


class InternalGenerateView(APIView):
    """The serving model for AION's own commands, as the JSON lines of `inference.wire`."""

    permission_classes = [IsService]

    @extend_schema(exclude=True)
    def post(self, request: Request) -> StreamingHttpResponse:
        lines = serve_wire(request._request.body.decode(), hangup_of(request._request))
        try:
            first = next(lines)
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise ParseError("not a request of inference.wire") from exc
        return StreamingHttpResponse(chain([first], lines), content_type="application/x-ndjson")


def _told(change: Callable[[], object], warnings: list[str] | None = None) -> Response:
    """Make the change; what the model refuses is an answer, not an error (kept)."""
    extra: dict[str, Any] = {"warnings": warnings} if warnings else {}
    try:
        change()
    except AdapterRejected as exc:
        return Response({"ok": False, "error": str(exc), "code": exc.code} | extra)
    except EngineBusy:
        sentence = _("The model is busy. Please try again.")
        return Response({"ok": False, "error": sentence, "code": "engine_busy"} | extra)
    except InferenceError:
        sentence = _("The model cannot change its adapter right now.")
        return Response({"ok": False, "error": sentence, "code": "engine_unavailable"} | extra)
    return Response({"ok": True} | extra)


def _person(request: Request) -> Any:
    """Who did it, for the record; AION's own commands are nobody."""
    return request.user if request.user.pk else None
