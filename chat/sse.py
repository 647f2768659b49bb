"""Server-sent events of one answer: `sources`, then `delta`s (or one `replace`), then `done`; `error` ends it early."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import chain
from typing import Any, Final

from django.http import StreamingHttpResponse

from chat.answers import Answer, AnswerPart, Replaced, SentenceReleased, SourcesFound, StillWaiting
from chat.errors import problem_of

WAITING: Final = ": waiting\n\n"


def stream(parts: Generator[AnswerPart, None, None]) -> StreamingHttpResponse:
    """The response that sends `parts` as they come.

    The first part is awaited here, so that what is wrong with the question is an HTTP error. Closing the response,
    as the server does when the client has gone, closes `parts` and so ends the generation.
    """
    first = next(parts)
    response = StreamingHttpResponse(events(first, parts), content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


def events(first: AnswerPart, rest: Generator[AnswerPart, None, None]) -> Iterator[str]:
    """The text of each event. A failure becomes the last event: the status line has been sent."""
    with closing(rest):
        try:
            for part in chain([first], rest):
                yield encode(part)
        except Exception as exc:  # noqa: BLE001  # the outermost edge of a request; problem_of logs it
            yield event("error", problem_of(exc).error())


def encode(part: AnswerPart) -> str:
    """One part as an event, or as a comment that only keeps the line busy."""
    match part:
        case SourcesFound():
            return event("sources", part.as_dict())
        case SentenceReleased():
            return event("delta", {"text": part.text})
        case Replaced():
            return event("replace", {"text": part.text})
        case StillWaiting():
            return WAITING
        case Answer():
            return event("done", part.as_dict())


def event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
