"""Reading a request's JSON without trusting its size or its shape."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any, Final

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from chat.errors import PayloadTooLarge

# 8000 characters of message escaped as \uXXXX surrogate pairs are 96 kB; a prompt with its context is larger.
MAX_BODY_BYTES: Final = 512 * 1024


class BoundedJSONParser(JSONParser):
    """DRF reads a JSON body whole, whatever its size (`DATA_UPLOAD_MAX_MEMORY_SIZE` does not reach it), and by any
    codec of Python's that the request names as its charset, bz2 among them. JSON is UTF-8 (RFC 8259)."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES:
            raise PayloadTooLarge(MAX_BODY_BYTES)
        try:
            return super().parse(BytesIO(body), media_type, {**(parser_context or {}), "encoding": "utf-8"})
        except RecursionError as exc:
            raise ParseError("nested too deeply") from exc
