"""Lines of the log: dated text, or JSON for a collector; secrets and personal data masked in both.

A line of JSON has the keys of `JsonLines` and no others: libraries hang requests, arguments and results on records.
"""

from __future__ import annotations

import json
import logging
import logging.config
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from django.conf import settings

LONGEST: Final = 16_000  # characters of a line's text; the last ones, where an exception says what it is
HIDDEN: Final = "[…]"
_LEAST_SECRET: Final = 6  # characters; a shorter one would tear words apart
_KEYS = re.compile(
    r"\baion_[\w-]{8,}|\bsk-[\w-]{8,}|\bBearer\s+\S+|(?<=://)[^\s/@]*:[^\s/@]*@"
    r"|(?i:(?<=password=)|(?<=senha=)|(?<=token=)|(?<=api_key=))[^\s&'\",;]+"
)


class Masked(logging.Formatter):
    """Text whose secrets and personal data are masked, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        return _masked(super().format(record), record)


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        from telemetry import correlation

        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _masked(record.getMessage(), record),
            "process": record.process,
        }
        if record.exc_info:
            line["traceback"] = mask(self.formatException(record.exc_info))
        if request_id := correlation.request_id():
            line["request_id"] = request_id
        if trace_id := correlation.trace_id():
            line["trace_id"] = trace_id
        return json.dumps(line, ensure_ascii=False)


def mask(text: str) -> str:
    """`text` without secrets and without personal data."""
    from telemetry.exceptions import PersonalDataLeft
    from telemetry.pii import redact

    text = text if len(text) <= LONGEST else HIDDEN + text[-LONGEST:]
    try:
        return redact(without_secrets(text)).text
    except PersonalDataLeft:
        return HIDDEN


def without_secrets(text: str) -> str:
    """`text` without what looks like a key, and without this installation's own."""
    for secret in _secrets():
        text = text.replace(secret, HIDDEN)
    return _KEYS.sub(HIDDEN, text)


def _masked(text: str, record: logging.LogRecord) -> str:
    """What finds personal data takes a while to import, which the web server's first lines, of addresses and
    processes, are not to wait for."""
    is_servers_own = record.name == "gunicorn.error" and record.levelno <= logging.INFO
    return without_secrets(text) if is_servers_own else mask(text)


def _secrets() -> Iterator[str]:
    known: list[str | None] = [
        settings.SECRET_KEY,
        settings.AION_SERVICE_KEY,
        settings.AION_METRICS_TOKEN,
        settings.OPENAI_API_KEY,
    ]
    known += [settings.AION_EMBEDDER_API_KEY, settings.DATABASES["default"].get("PASSWORD")]
    known += [provider.get("api_key") for provider in settings.AION_FALLBACK_PROVIDERS.values()]
    return (secret for secret in known if secret and len(secret) >= _LEAST_SECRET)


def logging_settings(form: str) -> dict[str, Any]:
    """Django's `LOGGING`; `form` is text or json.

    Django's default writes failures to nobody where DEBUG is off. What callers cause (a wrong host, a form too large)
    and answers that are no failure (/ready's 503) are left out: anybody could fill the disk with them. The exporter of
    traces would complain at every batch while nobody takes them: they are counted instead.
    """
    here = "aion.observing.logs"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"()": f"{here}.Masked", "format": "[%(asctime)s] [%(levelname)s] %(name)s: %(message)s"},
            "json": {"()": f"{here}.JsonLines"},
        },
        "filters": {"failed": {"()": "django.utils.log.CallbackFilter", "callback": lambda record: record.exc_info}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": form},
            "failures": {"class": "logging.StreamHandler", "formatter": form, "filters": ["failed"]},
        },
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        "loggers": {
            "django": {"handlers": ["failures"], "level": "ERROR", "propagate": False},
            "django.security": {"level": "CRITICAL"},
            "opentelemetry": {"level": "CRITICAL"},
        },
    }


def for_gunicorn(form: str) -> dict[str, Any]:
    """gunicorn's `logconfig_dict`: its own lines among the others. A line a request would hold addresses as they were
    sent, with whatever was typed into them; the figures count requests."""
    wanted = logging_settings(form)
    own = {"handlers": ["stderr"], "level": "INFO", "propagate": False}
    none = {"handlers": [], "level": "CRITICAL", "propagate": False}
    return wanted | {"loggers": wanted["loggers"] | {"gunicorn.error": own, "gunicorn.access": none}}


def configure(*, level: int | str) -> None:
    """The same for a program that would configure logging otherwise, from `level` on."""
    wanted = logging_settings(settings.AION_LOG_FORMAT)
    logging.config.dictConfig(wanted | {"root": wanted["root"] | {"level": level}})
    logging.captureWarnings(True)
