"""What ties together all that one request leaves in events, logs and tasks: its id, and its trace's where there is one.

Threads serve one request at a time, so the id is this thread's (or this coroutine's) until the next one takes it over.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry import trace

# Identifiers of machines are this long; what is shorter may be a person's number.
_SANE = re.compile(r"[0-9A-Za-z_-]{20,64}")
_request_id: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """The id of the request at work, "" outside of one."""
    return _request_id.get()


def trace_id() -> str:
    """The id of the trace at work as 32 hexadecimal digits, "" where nothing is traced."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""


def sane_or_new(sent: str) -> str:
    """The id that a caller sent, if it looks like one; else a new one."""
    return sent if _SANE.fullmatch(sent) else uuid.uuid4().hex


def begin(identifier: str) -> None:
    """From now on this thread works for the request `identifier`; "" for none."""
    _request_id.set(identifier)


@contextmanager
def working_for(identifier: str) -> Iterator[None]:
    """Work for the request `identifier`, then for none."""
    begin(identifier)
    try:
        yield
    finally:
        begin("")
