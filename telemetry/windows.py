"""Days and months of AION_TIME_ZONE, in which money is counted. Knows no money."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Literal

from django.utils import timezone

Period = Literal["day", "month"]


def window_start(period: Period, now: datetime) -> date:
    """The first day of the window that holds `now`."""
    today = timezone.localtime(now).date()
    return today if period == "day" else today.replace(day=1)


def window_end(period: Period, first: date) -> datetime:
    """When the window that begins on `first` ends: the next local midnight that begins one."""
    following = first + timedelta(days=1) if period == "day" else (first + timedelta(days=31)).replace(day=1)
    return datetime.combine(following, time.min, tzinfo=timezone.get_default_timezone())
