"""The one error shape of every call: `{"error": {"code", "message", "details"}}`; under `/v1` it is OpenAI's.

Codes are stable, messages follow the request's language. Nothing else turns an exception into a response.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.utils.translation import gettext as _
from django.views import defaults
from rest_framework import exceptions as drf
from rest_framework import status
from rest_framework.response import Response

from chat import paid_wording
from chat.exceptions import FallbackFailed, InvalidQuestion, ModelUnknown, PermissionRefused
from inference.exceptions import (
    DeadlineExceeded,
    EngineBusy,
    EngineUnavailable,
    GenerationCancelled,
    GenerationFailed,
    PromptTooLong,
)
from retrieval.exceptions import RetrievalError

logger = logging.getLogger(__name__)

V1: Final = "/v1/"
API_PATHS: Final = (V1, "/api/", "/generate", "/adapter/", "/internal/", "/health", "/ready", "/metrics")
CLIENT_CLOSED_REQUEST: Final = 499
LONGEST_SENTENCE: Final = 300  # characters about one wrong value

_OPENAI_FIELDS: Final = {"message": "messages", "prompt": "messages", "non_field_errors": ""}
_DRF_NO_DATA: Final = "No data provided"
_OPENAI_CODES: Final = {"not_authenticated": "invalid_api_key", "throttled": "rate_limit_exceeded"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, as a caller sees it."""

    status: int
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {"error": self.error()}

    def error(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "details": dict(self.details)}

    def as_openai(self) -> dict[str, Any]:
        """The same as OpenAI's clients read it: its codes where it has one, and the field that is wrong as `param`."""
        wrong = {name: found for name, found in self.details.items() if isinstance(found, list | dict)}
        name, found = next(iter(wrong.items()), ("", None))
        code = getattr(_first(found), "code", None) or _OPENAI_CODES.get(self.code, self.code)
        param = _OPENAI_FIELDS.get(name, name) or None
        return {"error": {"message": self.message, "type": _openai_type(self.status), "param": param, "code": code}}


class PayloadTooLarge(drf.APIException):
    """The body is larger than any valid one."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "payload_too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__()
        self.limit_bytes = limit_bytes


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's hook: the response to whatever a view raised."""
    problem = problem_of(exc)
    return Response(problem.body(), status=problem.status, headers=dict(problem.headers))


def problem_of(exc: BaseException) -> Problem:
    """What the caller is told about `exc`; what nobody expected is logged with its traceback."""
    problem = _of_rooms(exc) or _of_requests(exc)
    if problem is None:
        logger.error("unexpected failure", exc_info=exc)
        return Problem(500, "internal_error", _("AION failed unexpectedly. The failure has been logged."))
    if problem.status >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        logger.warning("%s: %s", problem.code, exc)
    return problem


def _of_rooms(exc: BaseException) -> Problem | None:
    """Failures of the answer path."""
    match exc:
        case InvalidQuestion():
            return Problem(400, "invalid_request", exc.message, {exc.field: [exc.message]})
        case PermissionRefused():
            return Problem(403, "permission_denied", exc.message, {"field": exc.field})
        case FallbackFailed():
            return Problem(502, "fallback_failed", paid_wording.to_users(exc.reason), {"reason": exc.reason})
        case EngineBusy():
            wait_s = max(1, math.ceil(exc.retry_after_s))
            message = _("Many questions are being answered right now. Try again in %(seconds)d s.") % {
                "seconds": wait_s
            }
            return Problem(503, "engine_busy", message, {"retryAfter": wait_s}, {"Retry-After": str(wait_s)})
        case DeadlineExceeded():
            return Problem(504, "deadline_exceeded", _("The answer took too long. Please try again."))
        case GenerationCancelled():
            return Problem(CLIENT_CLOSED_REQUEST, "cancelled", _("The request was cancelled."))
        case ModelUnknown():
            message = _model_unknown(exc)
            return Problem(404, "model_not_found", message, {"model": [message]})
        case PromptTooLong():
            message = _("Too long for the model: %(tokens)d tokens, at most %(limit)d.") % {
                "tokens": exc.prompt_tokens + exc.answer_tokens,
                "limit": exc.window,
            }
            details = {"prompt": [drf.ErrorDetail(message, code="context_length_exceeded")]}
            return Problem(400, "invalid_request", message, details)
        case EngineUnavailable() | GenerationFailed():
            return Problem(503, "engine_unavailable", _("The local model cannot answer right now. Please try again."))
        case RetrievalError():
            return Problem(503, "search_unavailable", _("The documents cannot be searched right now."))
        case OperationalError() | InterfaceError():
            return Problem(503, "database_unavailable", _("The database cannot be reached right now."))
    return None


def _model_unknown(exc: ModelUnknown) -> str:
    if not exc.serving:
        return _("There is no model %(name)s; GET /v1/models lists them.") % {"name": exc.model_id}
    return _("The model %(name)s is not what serves now: %(serving)s is.") % {
        "name": exc.model_id,
        "serving": exc.serving,
    }


def _openai_type(status_code: int) -> str:
    if status_code == status.HTTP_429_TOO_MANY_REQUESTS:
        return "requests"
    return "server_error" if status_code >= status.HTTP_500_INTERNAL_SERVER_ERROR else "invalid_request_error"


def _of_requests(exc: BaseException) -> Problem | None:
    """Failures of the request itself."""
    match exc:
        case drf.ValidationError():
            return _invalid(exc)
        case UnreadablePostError():
            return Problem(400, "invalid_request", _("The request is malformed."))
        case drf.ParseError():
            return Problem(400, "invalid_request", _("The body is not valid JSON."), {"reason": str(exc.detail)})
        case PayloadTooLarge():
            return _too_large(exc.limit_bytes)
        case RequestDataTooBig():
            return _too_large(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0)
        case drf.NotAuthenticated():
            message = _("Sign in, or send an API key: Authorization: Bearer aion_...")
            return Problem(401, "not_authenticated", message, headers=_challenge(exc))
        case drf.AuthenticationFailed():
            return Problem(401, "not_authenticated", str(exc.detail), headers=_challenge(exc))
        case drf.PermissionDenied():
            return Problem(403, "permission_denied", _refusal(exc))
        case PermissionDenied():
            return Problem(403, "permission_denied", _("You are not allowed to do this."))
        case Http404() | drf.NotFound():
            return Problem(404, "not_found", _("There is nothing at this address."))
        case drf.MethodNotAllowed():
            message = _("This address does not answer %(method)s.") % {"method": exc.args[0] if exc.args else ""}
            return Problem(405, "method_not_allowed", message if exc.args else str(exc.detail))
        case drf.UnsupportedMediaType():
            return Problem(415, "unsupported_media_type", _("Send JSON, with Content-Type: application/json."))
        case drf.Throttled():
            wait_s = max(1, math.ceil(getattr(exc, "wait", None) or 1))
            message = _("Too many requests. Try again in %(seconds)d s.") % {"seconds": wait_s}
            return Problem(429, "throttled", message, {"retryAfter": wait_s}, {"Retry-After": str(wait_s)})
        case drf.NotAcceptable():
            return Problem(406, "not_acceptable", _("This address answers JSON only."))
    return None


def _invalid(exc: drf.ValidationError) -> Problem:
    """Every wrong field in `details`, the first of them in the sentence."""
    details = _sayable(exc.detail if isinstance(exc.detail, dict) else {"body": exc.detail})
    name, found = next(iter(details.items()))
    reason = _first(found)
    message = str(reason) if name in ("body", "non_field_errors") else f"{name}: {reason}"
    return Problem(400, "invalid_request", message, details)


def _sayable(found: Any) -> Any:
    """DRF's sentences. Some repeat what was sent: half a character, which no response can be encoded with, or a book.
    About a body that is `null` it has one in English only."""
    if isinstance(found, dict):
        return {name: _sayable(each) for name, each in found.items()}
    if isinstance(found, list):
        return [_sayable(each) for each in found]
    code = getattr(found, "code", None)
    sentence = _("Send a JSON object.") if found == _DRF_NO_DATA else str(found)
    return drf.ErrorDetail(sentence[:LONGEST_SENTENCE].encode(errors="replace").decode(), code)


def _first(found: Any) -> Any:
    """The first sentence in what is wrong with a field, which may be a list of values with errors of their own."""
    while isinstance(found, list | dict):
        found = next((each for each in (found.values() if isinstance(found, dict) else found) if each), None)
    return found


def _too_large(limit_bytes: int) -> Problem:
    message = _("The body is too large: at most %(limit)d kB.") % {"limit": limit_bytes // 1024}
    return Problem(413, "payload_too_large", message, {"limitBytes": limit_bytes})


def _challenge(exc: drf.APIException) -> dict[str, str]:
    header = getattr(exc, "auth_header", None)
    return {"WWW-Authenticate": header} if header else {}


def _refusal(exc: drf.PermissionDenied) -> str:
    if str(exc.detail).startswith("CSRF"):
        return _("The page is out of date. Load it again and repeat.")
    return _("You are not allowed to do this.")


# --- Django's own error pages ------------------------------------------------------------------------------------


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler400`: also a host that is not ours, and a form that is too large."""
    if isinstance(exception, RequestDataTooBig):
        return _json(request, _too_large(settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 0))
    if not is_api_path(request.path):
        return defaults.bad_request(request, exception)
    return _json(request, Problem(400, "invalid_request", _("The request is malformed.")))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler403`."""
    if not is_api_path(request.path):
        return defaults.permission_denied(request, exception)
    return _json(request, Problem(403, "permission_denied", _("You are not allowed to do this.")))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """`handler404`."""
    if not is_api_path(request.path):
        return defaults.page_not_found(request, exception)
    return _json(request, Problem(404, "not_found", _("There is nothing at this address.")))


def server_error(request: HttpRequest) -> HttpResponse:
    """`handler500`; Django has logged the traceback."""
    if not is_api_path(request.path):
        return defaults.server_error(request)
    return _json(request, Problem(500, "internal_error", _("AION failed unexpectedly. The failure has been logged.")))


def is_api_path(path: str) -> bool:
    """Whether programs, not people, call this address."""
    return _plain(path).startswith(API_PATHS)


def _plain(path: str) -> str:
    """`/v1` and `//v1/models`, which a base address with a slash too many or too few makes, begin with `/v1/` too."""
    return f"/{path.strip('/')}/"


def _json(request: HttpRequest, problem: Problem) -> JsonResponse:
    body = problem.as_openai() if _plain(request.path).startswith(V1) else problem.body()
    return JsonResponse(body, status=problem.status, headers=dict(problem.headers))
