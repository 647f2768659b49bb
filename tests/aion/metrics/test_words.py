"""Numbers and differences as Brazilians read them."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from aion.metrics import words
from aion.metrics.panel import Unit
from telemetry.rollups.bins import wilson


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1234567, Unit.COUNT, "1.234.567"),
        (0.1234, Unit.SHARE, "12,3\N{NO-BREAK SPACE}%"),
        (850.4, Unit.MS, "850\N{NO-BREAK SPACE}ms"),
        (1250, Unit.MS, "1,25\N{NO-BREAK SPACE}s"),
        (Decimal("0.00031"), Unit.USD, "US$ 0,0003"),
        (Decimal("1234.5"), Unit.BRL, "R$ 1.234,50"),
        (Decimal(0), Unit.USD, "US$ 0,00"),
        (None, Unit.SHARE, "–"),
        (datetime(2026, 11, 22, 2, 30, tzinfo=UTC), Unit.TIME, "21/11/2026 23:30"),
    ],
)
def test_a_cell_is_written_with_its_unit(value: float | Decimal | None, unit: Unit, said: str) -> None:
    assert words.shown(value, unit) == said


@pytest.mark.parametrize(
    ("now", "before", "said"),
    [
        (112, 100, "12,0\N{NO-BREAK SPACE}% a mais que nos 30 dias anteriores (100)"),
        (75, 100, "25,0\N{NO-BREAK SPACE}% a menos que nos 30 dias anteriores (100)"),
        (100, 100, "igual ao que foi nos 30 dias anteriores (100)"),
        (450, 100, "4,5 vezes o que foi nos 30 dias anteriores (100)"),
        (5, 0, "nos 30 dias anteriores não houve"),
        (0, 0, ""),
    ],
)
def test_a_difference_is_said_beside_what_it_is_a_difference_from(now: int, before: int, said: str) -> None:
    assert words.compared(now, before, Unit.COUNT, 30) == said


def test_shares_differ_by_percentage_points() -> None:
    assert words.compared_shares(0.25, 0.2, 1) == (
        "5,0 pontos percentuais a mais que no dia anterior (20,0\N{NO-BREAK SPACE}%)"
    )
    assert words.compared_shares(0.25, None, 7) == "nos 7 dias anteriores não houve com que comparar"
    assert words.compared_shares(None, 0.2, 7) == ""


def test_a_share_has_its_interval() -> None:
    said = words.share_with_interval(0.8, wilson(8, 10)).replace("\N{NO-BREAK SPACE}", " ")
    assert said == "80,0 % (49,0 % a 94,3 %)"
    assert words.share_with_interval(None, None) == "–"


def test_codes_that_are_not_known_stay_as_they_are() -> None:
    assert words.error("fallback_failed:timeout") == "API paga: timeout"
    assert words.error("something_new") == "something_new"
    assert words.reason("confident") == "confiança suficiente"
