"""Which days are shown, whatever an address asks for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from django.utils import timezone

from aion.metrics.period import Period, PeriodForm, period_of
from telemetry.rollups.reading import Grain, Range

TENANT = "default"


def asked(**values: str) -> tuple[Period, Mapping[str, object]]:
    form = PeriodForm(values)
    return period_of(form, TENANT), form.errors


@pytest.mark.parametrize("days", [7, 30, 90, 365])
def test_the_last_days_end_today(days: int) -> None:
    period, errors = asked(range=str(days))
    assert (errors, period.days, period.span.last) == ({}, days, timezone.localdate())


def test_own_dates_are_taken_and_kept_in_the_address() -> None:
    period, errors = asked(range="own", first="2026-10-01", last="2026-10-03", by="hour")
    assert errors == {}
    assert period == Period(TENANT, Range(date(2026, 10, 1), date(2026, 10, 3)), Grain.HOUR)
    again, _errors = asked(**{name: value[0] for name, value in parse_qs(period.query).items()})
    assert again == period


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"range": "own"}, "first"),
        ({"range": "own", "first": "2026-10-02", "last": "2026-10-01"}, "last"),
        ({"range": "own", "first": "2020-01-01", "last": "2026-10-01"}, "first"),
        ({"range": "own", "first": "0001-01-01", "last": "0001-01-02"}, "first"),
        ({"range": "own", "first": "x", "last": "2026-10-01"}, "first"),
        ({"range": "30", "by": "hour"}, "by"),
        ({"range": "own", "first": "2026-10-01", "last": "2026-10-15", "by": "hour"}, "by"),
        ({"range": "-1"}, "range"),
        ({"by": "minute", "range": "7"}, "by"),
    ],
)
def test_what_makes_no_sense_is_said_and_the_last_thirty_days_are_shown(values: dict[str, str], field: str) -> None:
    period, errors = asked(**values)
    assert field in errors
    assert (period.days, period.grain) == (30, Grain.DAY)


def test_times_are_those_of_the_installation() -> None:
    late = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)  # half past eleven on the day before
    day = Period(TENANT, Range(date(2026, 11, 21), date(2026, 11, 22)))
    hour = Period(TENANT, day.span, Grain.HOUR)
    assert (day.time(late), day.label(late), hour.label(late)) == (date(2026, 11, 21), "21/11", "21/11 23h")
    assert Period(TENANT, Range(late.date() - timedelta(days=400), late.date())).label(late) == "21/11/26"
