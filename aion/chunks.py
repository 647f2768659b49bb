"""Bodies that come in chunks: no header tells their length, and Django takes such a one for empty."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def measured(application: WSGIApplication) -> WSGIApplication:
    """`application` told the length of every body. One above the limit of what is held in memory is said to be larger
    than any, and so refused: no browser sends files like that."""

    def measure_first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_TRANSFER_ENCODING" in environ:
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            body = environ["wsgi.input"].read(limit + 1)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body) if len(body) <= limit else sys.maxsize)
        return application(environ, start_response)

    return measure_first
