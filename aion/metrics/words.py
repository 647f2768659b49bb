"""Numbers, differences and codes as the reader's language has them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from aion.metrics.panel import Cell, Unit
from telemetry.question_path import STAGES
from telemetry.rollups.bins import Interval

NONE = "–"
HUNDREDTH = Decimal("0.01")
MANY_TIMES = 3  # as much, from which percentages say little


def number(value: float | Decimal, places: int = 0) -> str:
    """`1.234,5`; rounded, where Django cuts off."""
    return number_format(round(Decimal(str(value)), places), places, force_grouping=True)


def shown(value: Cell, unit: Unit) -> str:
    """A cell as a page shows it: `1.234`, `12,3 %`, `850 ms`, `US$ 0,25`."""
    if value is None:
        return NONE
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "SHORT_DATETIME_FORMAT")
    if isinstance(value, date):
        return date_format(value, "SHORT_DATE_FORMAT")
    if isinstance(value, str):
        return value
    return _number(value, unit)


def _number(value: float | Decimal, unit: Unit) -> str:
    match unit:
        case Unit.SHARE:
            return percent(float(value))
        case Unit.SCORE:
            return number(value, 2)
        case Unit.MS:
            return milliseconds(float(value))
        case Unit.USD:
            return f"US$ {_money(value)}"
        case Unit.BRL:
            return f"R$ {_money(value)}"
    return number(value, 0)


def _money(value: float | Decimal) -> str:
    """Cents; of less than one, as many places as tell it from nothing."""
    amount = Decimal(str(value))
    places = 2 if amount >= HUNDREDTH or not amount else 4
    return number(amount, places)


def percent(share: float) -> str:
    return f"{number(100 * share, 1)}\N{NO-BREAK SPACE}%"


def milliseconds(ms: float) -> str:
    """`850 ms`, from a second on `1,25 s`."""
    if ms < 1000:
        return f"{number(ms, 0 if ms >= 10 else 1)}\N{NO-BREAK SPACE}ms"
    return f"{number(ms / 1000, 2)}\N{NO-BREAK SPACE}s"


def share_with_interval(share: float | None, interval: Interval | None) -> str:
    """`12,3 % (10,1 % to 14,8 %)`: what holds 19 times of 20 in brackets."""
    if share is None or interval is None:
        return NONE
    values = {"share": percent(share), "low": percent(interval.low), "high": percent(interval.high)}
    return _("%(share)s (%(low)s to %(high)s)") % values


def score_with_interval(score: float | None, bounds: tuple[float, float] | None) -> str:
    """The same of a score in [0, 1]: `0,87 (0,81 to 0,92)`."""
    if score is None:
        return NONE
    if bounds is None:
        return number(score, 2)
    low, high = bounds
    values = {"share": number(score, 2), "low": number(low, 2), "high": number(high, 2)}
    return _("%(share)s (%(low)s to %(high)s)") % values


def questions(count: int) -> str:
    return ngettext("%(count)s question", "%(count)s questions", count) % {"count": shown(count, Unit.COUNT)}


def days_before(days: int) -> str:
    """What a period is compared with, after "than in": `os 30 dias anteriores`."""
    return ngettext("the day before", "the %(days)s days before", days) % {"days": days}


def compared(now: float | Decimal, before: float | Decimal, unit: Unit, days: int) -> str:
    """How much more or less than in as many days before, in words; "" where there is nothing on either side."""
    values = {"when": days_before(days), "before": shown(before, unit)}
    if not before:
        return pgettext("compared", "none in %(when)s") % values if now else ""
    times = float(now) / float(before)
    if times >= MANY_TIMES:
        values["times"] = number(times, 1)
        return _("%(times)s times as much as in %(when)s (%(before)s)") % values
    change = times - 1
    if abs(change) < 0.0005:
        return _("as much as in %(when)s (%(before)s)") % values
    values["change"] = percent(abs(change))
    if change > 0:
        return _("%(change)s more than in %(when)s (%(before)s)") % values
    return _("%(change)s less than in %(when)s (%(before)s)") % values


def compared_shares(now: float | None, before: float | None, days: int) -> str:
    """The same of two shares, in percentage points."""
    if now is None or before is None:
        return "" if now is None else pgettext("compared", "not known of %(when)s") % {"when": days_before(days)}
    values = {"when": days_before(days), "before": percent(before), "points": number(100 * abs(now - before), 1)}
    if abs(now - before) < 0.0005:
        return _("as much as in %(when)s (%(before)s)") % values
    if now > before:
        return _("%(points)s percentage points more than in %(when)s (%(before)s)") % values
    return _("%(points)s percentage points less than in %(when)s (%(before)s)") % values


def sentence(change: str) -> str:
    """A comparison as a sentence of its own."""
    return f"{change[0].upper()}{change[1:]}." if change else ""


def route(code: str) -> str:
    names = {"local": _("local"), "fallback": _("paid API"), "abstain": _("not found"), "failed": _("failed")}
    return names.get(code, code)


def reason(code: str) -> str:
    """Why an answer took its way (`chat.router.Reason`); a code that is not known here as it is."""
    names = {
        "confident": _("sure enough"),
        "low_confidence": _("confidence below tau"),
        "low_confidence_warned": _("below tau, answered with a warning"),
        "nothing_found": _("no passage found"),
        "forced": _("paid API asked for"),
        "empty_answer": _("the model wrote nothing"),
        "unsupported": _("the documents do not support what was written"),
        "engine_failed": _("the model failed"),
        "overloaded": _("overload"),
    }
    return names.get(code, code)


def error(code: str) -> str:
    """What went wrong (`chat.recording.code_of`)."""
    names = {
        "engine_busy": _("queue full"),
        "deadline_exceeded": _("took too long"),
        "engine_unavailable": _("model not loaded"),
        "generation_failed": _("the model failed"),
        "prompt_too_long": _("question too long"),
        "embedding_failed": _("the question could not be embedded"),
        "search_failed": _("the search failed"),
        "hung_up": _("the asker hung up"),
    }
    paid, _colon, why = code.partition(":")
    return f"{_('paid API')}: {why}" if paid == "fallback_failed" else names.get(code, code)


def stage(code: str) -> str:
    """A step of an answer; short, since it stands beside a bar."""
    own = {"total": _("in all"), "overhead": _("AION's own work")}
    return own.get(code) or str(STAGES.get(code, code))
