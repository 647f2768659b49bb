"""A chart's table as a file that spreadsheets open, and that cannot make them run anything."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import get_format

from aion.metrics.panel import Cell, Table

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # without it Excel takes UTF-8 for Latin-1
# What a spreadsheet may take for a formula, full-width forms and what separates cells included (OWASP, CSV injection).
FORMULA = (
    *("=", "+", "-", "@", "\t", "\r", "\n", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}"),
    *("\N{FULLWIDTH HYPHEN-MINUS}", "\N{FULLWIDTH COMMERCIAL AT}"),
)


def as_csv(table: Table) -> str:
    """Semicolons where the language writes decimals with a comma, else commas; shares lie in [0, 1], times are ISO."""
    point = str(get_format("DECIMAL_SEPARATOR"))
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";" if point == "," else ",", lineterminator="\r\n")
    writer.writerow([_text(column.name) for column in table.columns])
    writer.writerows([_cell(value, point) for value in row] for row in table.rows)
    return BYTE_ORDER_MARK + written.getvalue()


def _cell(value: Cell, point: str) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{timezone.localtime(value):%Y-%m-%d %H:%M}"
        case date():
            return value.isoformat()
        case str():
            return _text(value)
        case float() | Decimal():
            return f"{value:.6f}".rstrip("0").rstrip(".").replace(".", point)
    return str(value)


def _text(text: str) -> str:
    """An apostrophe before what would be a formula, whatever blanks stand before it."""
    plain = text.lstrip(" \N{NO-BREAK SPACE}\N{ZERO WIDTH NO-BREAK SPACE}")
    return f"'{text}" if plain.startswith(FORMULA) else text
