"""What an adapter earned: how many more questions it answers than the one before, and the R$ that this saved.

Both are estimates: the examination asked champion and candidate the same questions, so the share that only the
candidate answered, less the share that only the champion did, is multiplied by the questions asked since it serves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import sqrt
from typing import Any

from django.conf import settings
from django.db.models import Avg, Q
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from chat import control
from inference.models import DesiredState, Examination
from telemetry.currency import rate_at
from telemetry.events import EventKind
from telemetry.models import Event, Reservation
from telemetry.partitions import lowest_id

PAID_TAG = "rag-answer"
PRICES_BACK = timedelta(days=90)
Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and what holds 19 times of 20."""

    low: float
    value: float
    high: float

    def times(self, factor: float) -> Estimate:
        return Estimate(self.low * factor, self.value * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Earned:
    """`share`: more of the questions answered. `answers`: of those `asked` while it served. `usd` None where the paid
    API is off, or never answered anything: then nothing was saved, but more was answered."""

    share: Estimate
    asked: int
    answers: Estimate
    usd: Estimate | None


def gained(candidate: Sequence[bool], champion: Sequence[bool]) -> Estimate | None:
    """The share that only the candidate answered less the share that only the champion did, on the same questions.

    The interval is Agresti and Min's for paired proportions (Wald's with half a pair added to each cell); None without
    questions. Raises ValueError where the questions are not the same.
    """
    pairs = list(zip(candidate, champion, strict=True))
    if not pairs:
        return None
    more = sum(ours and not theirs for ours, theirs in pairs)
    less = sum(theirs and not ours for ours, theirs in pairs)
    count, b, c = len(pairs) + 2.0, more + 0.5, less + 0.5
    centre = (b - c) / count
    width = Z95 * sqrt((b + c) - (b - c) ** 2 / count) / count
    return Estimate(max(-1.0, centre - width), (more - less) / len(pairs), min(1.0, centre + width))


def earned(share: Estimate, *, asked: int, usd_an_answer: Decimal | None) -> Earned:
    """What that share comes to."""
    answers = share.times(asked)
    return Earned(share, asked, answers, None if usd_an_answer is None else answers.times(float(usd_an_answer)))


def earned_by(adapter_id: int, now: datetime | None = None) -> Earned | None:
    """Of an adapter that was examined and serves, or served; None for any other."""
    now = now or timezone.now()
    share, served = _examined(adapter_id), _served(adapter_id, now)
    if share is None or not served:
        return None
    asked = sum(_asked(since, until) for since, until in served)
    return earned(share, asked=asked, usd_an_answer=_usd_an_answer(now))


def _examined(adapter_id: int) -> Estimate | None:
    last = Examination.objects.filter(candidate_id=adapter_id, state=Examination.State.DONE).first()
    return None if last is None else gained_in(last.results)


def gained_in(results: Mapping[str, Any]) -> Estimate | None:
    """From an examination's results: which of the questions that the documents answer each arm answered, in order. The
    rival is the champion, or the base model where no adapter served."""
    answered = results.get("answered") or {}
    rival = answered.get("champion") or answered.get("base")
    return gained(answered["candidate"], rival) if rival else None


def _served(adapter_id: int, now: datetime) -> list[tuple[datetime, datetime]]:
    """The times in which it served, until another did."""
    wishes = DesiredState.objects.filter(outcome=DesiredState.Outcome.SERVED).order_by("pk")
    begun = list(wishes.values_list("adapter_id", "created_at"))
    times = [at for _adapter, at in begun] + [now]
    return [(times[place], times[place + 1]) for place, (adapter, _at) in enumerate(begun) if adapter == adapter_id]


def _asked(since: datetime, until: datetime) -> int:
    window = Event.objects.filter(id__gte=lowest_id(since), id__lt=lowest_id(until))
    asked = window.filter(tenant=settings.PRIMARY_TENANT_ID, kind=EventKind.ANSWER, meta__status="answered")
    return asked.order_by().count()


def _usd_an_answer(now: datetime) -> Decimal | None:
    """The mean of what paid answers cost in the last three months; None where none was, or none may be."""
    if not control.current().fallback_allowed:
        return None
    paid = Reservation.objects.filter(tenant=settings.PRIMARY_TENANT_ID, tag=PAID_TAG, state=Reservation.State.SETTLED)
    mean: Decimal | None = paid.filter(Q(closed_at__gte=now - PRICES_BACK)).aggregate(mean=Avg("cost_usd"))["mean"]
    return mean


def earned_in_words(one: Earned) -> str:
    """An estimate with its interval, in one or two sentences."""
    more = {"value": _whole(one.answers.value), "low": _whole(one.answers.low), "high": _whole(one.answers.high)}
    values = {**more, "asked": number_format(one.asked)}
    said = _(
        "Estimate: %(value)s questions answered more than by the one before (%(low)s to %(high)s), of %(asked)s asked."
    )
    if one.usd is None:
        return said % values
    rate = rate_at(timezone.now())
    money = {
        "value": _money(one.usd.value, rate.brl),
        "low": _money(one.usd.low, rate.brl),
        "high": _money(one.usd.high, rate.brl),
        "day": date_format(rate.as_of, "SHORT_DATE_FORMAT"),
    }
    saved = _("Saved: R$ %(value)s (R$ %(low)s to R$ %(high)s), at the rate of %(day)s.")
    return f"{said % values} {saved % money}"


def _whole(value: float) -> str:
    return number_format(round(value))


def _money(usd: float, rate: Decimal) -> str:
    return number_format(round(Decimal(str(usd)) * rate, 2), 2)
