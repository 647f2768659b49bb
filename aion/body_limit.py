"""How large a body may be, before anybody reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from chat.connections import give_back_connection

MAX_UPLOAD_BYTES: Final = 1 << 30  # several files at once, each with its own limit


class BodyLimit:
    """Only staff send files. Django writes those of a form to the disk before it knows who sends them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() else 0
        if size > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            if size > MAX_UPLOAD_BYTES or not request.user.is_staff:
                raise RequestDataTooBig
            _receive_form(request)
        return self.get_response(request)


def _receive_form(request: HttpRequest) -> None:
    """Read it now, which may take minutes and wants no database; the check against forgery would read it next, and
    take one that stops coming for a forgery."""
    give_back_connection()
    try:
        request.POST  # noqa: B018
    except UnreadablePostError as exc:
        raise BadRequest("the body stopped coming") from exc
