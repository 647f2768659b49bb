"""Files of charts: for spreadsheets in Portuguese, and nothing in them runs."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils.translation import override

from aion.metrics.csv_file import as_csv
from aion.metrics.panel import Cell, Column, Table, Unit

MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"


def written(*cells: Cell) -> list[str]:
    """The cells as a spreadsheet would read them back."""
    text = as_csv(Table(tuple(Column("c", Unit.TEXT) for _cell in cells), (cells,)))
    return list(csv.reader(io.StringIO(text.removeprefix(MARK)), delimiter=";"))[1]


def test_numbers_have_a_decimal_comma_and_times_are_iso() -> None:
    row = (0.25, Decimal("0.000310"), 7, None, date(2026, 11, 22), datetime(2026, 11, 22, 3, tzinfo=UTC))
    assert written(*row) == ["0,25", "0,00031", "7", "", "2026-11-22", "2026-11-22 00:00"]
    assert as_csv(Table((Column("Dia"),), ())).startswith(f"{MARK}Dia")


def test_in_english_commas_separate_and_points_are_decimal() -> None:
    with override("en"):
        table = Table((Column("a"), Column("b")), ((0.25, 1),))
        assert as_csv(table).removeprefix(MARK).splitlines() == ["a,b", "0.25,1"]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\N{NO-BREAK SPACE}=1", f"{MARK}=1", "＝1", "＠a"],
)
def test_what_a_spreadsheet_would_take_for_a_formula_becomes_text(text: str) -> None:
    assert written(text)[0] == f"'{text}"
    assert as_csv(Table((Column(text),), ())).removeprefix(MARK).lstrip('"').startswith("'")


def test_a_title_with_separators_and_quotes_stays_one_cell() -> None:
    assert written('a;b "c"\nd') == ['a;b "c"\nd']


def test_a_negative_number_stays_a_number() -> None:
    assert written(-0.5, -3) == ["-0,5", "-3"]
