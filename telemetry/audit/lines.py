"""The audit trail as a file: JSON lines that `verify_audit` could be repeated on, or a table for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from django.utils import timezone

from telemetry.audit.trail import SIGNED
from telemetry.models import AuditEntry

FORMS: Final = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
COLUMNS: Final = ("id", "at", *SIGNED, "hash", "seal")
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute


def lines_of(entries: Iterable[AuditEntry], form: str) -> Iterator[str]:
    """Each entry as a line of `form`, a key of `FORMS`."""
    return _as_csv(entries) if form == "csv" else _as_json(entries)


def _as_json(entries: Iterable[AuditEntry]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(_values(entry), ensure_ascii=False) + "\n"


def _as_csv(entries: Iterable[AuditEntry]) -> Iterator[str]:
    yield "\ufeff" + _row(COLUMNS)
    for entry in entries:
        yield _row([_cell(value) for value in _values(entry).values()])


def _values(entry: AuditEntry) -> dict[str, Any]:
    values = {name: getattr(entry, name) for name in COLUMNS}
    return values | {"at": timezone.localtime(entry.at).isoformat()}


def _cell(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else str("" if value is None else value)
    return f"'{text}" if text.startswith(FORMULA) else text


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerow(cells)
    return out.getvalue()
