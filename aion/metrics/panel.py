"""What a chart is, before anybody draws it: values, words and a table. Knows no HTTP and no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

Cell = str | int | float | Decimal | date | datetime | None


class Unit(StrEnum):
    """How a number is written; a share lies in [0, 1], a score as well."""

    TEXT = "text"
    TIME = "time"  # a date, or a moment on the hour
    COUNT = "count"
    SHARE = "share"
    SCORE = "score"
    MS = "ms"
    USD = "usd"
    BRL = "brl"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    unit: Unit = Unit.COUNT

    @property
    def is_number(self) -> bool:
        return self.unit not in (Unit.TEXT, Unit.TIME)


@dataclass(frozen=True, slots=True)
class Table:
    """Raw values, the first column naming the row; a page words them, a file keeps them."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a chart. `kind`: bar, line, limit (a dashed line), or band, whose values are [low, high]."""

    name: str
    colour: str
    values: tuple[float | tuple[float, float] | None, ...]
    kind: str = "bar"


@dataclass(frozen=True, slots=True)
class Drawing:
    """What static/admin_aion/charts.js draws."""

    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: Unit = Unit.COUNT
    stacked: bool = False
    horizontal: bool = False
    x_title: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "labels": self.labels,
            "series": [
                {"name": one.name, "colour": one.colour, "kind": one.kind, "values": one.values} for one in self.series
            ],
            "unit": self.unit,
            "stacked": self.stacked,
            "horizontal": self.horizontal,
            "xTitle": self.x_title,
        }


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A document or a subject; `address` is "" where there is no page of it. `steps`: depth of colour, 0 for none."""

    title: str
    address: str
    cells: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]


@dataclass(frozen=True, slots=True)
class Empty:
    """Why there is nothing, and what to do about it."""

    text: str
    address: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart with its table. `sentence` says what one sees, `note` how to read it and where it comes from; `links` are
    the addresses of documents that the table's rows are about, if they are. Where `empty` is set only that is shown.
    What is `broad` has a row of the page to itself.
    """

    slug: str
    title: str
    sentence: str = ""
    table: Table = Table((), ())
    drawing: Drawing | None = None
    heat: HeatMap | None = None
    note: str = ""
    empty: Empty | None = None
    links: tuple[str, ...] = ()
    broad: bool = False

    @property
    def chart_id(self) -> str:
        """Of the JSON in the page from which the chart is drawn."""
        return f"{self.slug}-data"


def heat_rows(rows: Sequence[tuple[str, str, Sequence[int]]], steps: int = 4) -> tuple[HeatRow, ...]:
    """Title, address and counts of each row, coloured by the highest count of all."""
    highest = max((count for _title, _address, counts in rows for count in counts), default=0)
    return tuple(
        HeatRow(title, address, tuple((count, -(-steps * count // highest) if highest else 0) for count in counts))
        for title, address, counts in rows
    )
