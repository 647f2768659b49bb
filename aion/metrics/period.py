"""Which days a page of metrics is about, as asked in its address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from telemetry.rollups.reading import Grain, Range

DEFAULT_DAYS = 30
MOST_DAYS = 2 * 366
MOST_DAYS_BY_HOUR = 14
OWN = "own"


@dataclass(frozen=True, slots=True)
class Period:
    """The days, and whether charts have a point an hour or a day."""

    tenant: str
    span: Range
    grain: Grain = Grain.DAY

    @property
    def days(self) -> int:
        return (self.span.last - self.span.first).days + 1

    @property
    def by_hour(self) -> bool:
        return self.grain == Grain.HOUR

    def time(self, start: datetime) -> date | datetime:
        """A chart's start as its table has it: a local day, or a moment."""
        local = timezone.localtime(start)
        return local if self.by_hour else local.date()

    def label(self, start: datetime) -> str:
        """The same below a chart, where there is little room."""
        local = timezone.localtime(start)
        if self.by_hour:
            return f"{local:%d/%m %H}h"
        return f"{local:%d/%m/%y}" if self.days > 300 else f"{local:%d/%m}"

    @property
    def query(self) -> str:
        """Its own dates, for addresses that must go on meaning the same days tomorrow."""
        first, last = self.span.first.isoformat(), self.span.last.isoformat()
        return urlencode({"range": OWN, "first": first, "last": last, "by": self.grain.value})


class PeriodForm(forms.Form):
    """How staff choose a period."""

    RANGES = (
        ("7", _("7 days")),
        ("30", _("30 days")),
        ("90", _("90 days")),
        ("365", _("12 months")),
        (OWN, _("own dates")),
    )

    range = forms.ChoiceField(label=_("Period"), choices=RANGES, initial=str(DEFAULT_DAYS))
    first = forms.DateField(label=_("From"), required=False)
    last = forms.DateField(label=_("Until"), required=False)
    by = forms.ChoiceField(
        label=_("A point for each"),
        choices=((Grain.DAY.value, _("day")), (Grain.HOUR.value, _("hour"))),
        required=False,
        initial=Grain.DAY.value,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("first", "last"):
            self.fields[name].widget = forms.DateInput(attrs={"type": "date", "class": "aion-input"}, format="%Y-%m-%d")
        for name in ("range", "by"):
            self.fields[name].widget.attrs["class"] = "aion-input"

    def clean(self) -> dict[str, Any]:
        found = dict(super().clean() or {})
        if found.get("range") == OWN and "first" in found and "last" in found:
            self._check_dates(found["first"], found["last"])
        if not self.errors and found.get("by") == Grain.HOUR and len(span_of(found).days) > MOST_DAYS_BY_HOUR:
            most = {"most": MOST_DAYS_BY_HOUR}
            self.add_error("by", _("By the hour at most %(most)s days can be shown: choose fewer days.") % most)
        return found

    def _check_dates(self, first: date | None, last: date | None) -> None:
        if first is None or last is None:
            self.add_error("first", _("Your own dates need a first and a last day."))
        elif last < first:
            self.add_error("last", _("The last day is before the first."))
        elif (last - first).days >= MOST_DAYS or first.year < 2000:
            self.add_error("first", _("At most two years can be shown at once."))


def span_of(found: Mapping[str, Any]) -> Range:
    """The days of a valid form."""
    if found["range"] == OWN:
        return Range(found["first"], found["last"])
    return Range.of_last(int(found["range"]))


def period_of(form: PeriodForm, tenant: str) -> Period:
    """The period asked for; the default one where nothing sensible was."""
    if not form.is_bound or not form.is_valid():
        return Period(tenant, Range.of_last(DEFAULT_DAYS))
    grain = Grain(form.cleaned_data["by"] or Grain.DAY)
    return Period(tenant, span_of(form.cleaned_data), grain)
