"""The period in figures, each compared with as many days before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from aion.metrics import words
from aion.metrics.panel import Unit
from aion.metrics.period import Period
from aion.metrics.speed import WHOLE
from telemetry.currency import rate_at
from telemetry.rollups import reading
from telemetry.rollups.bins import wilson
from telemetry.rollups.reading import Overview, Range


@dataclass(frozen=True, slots=True)
class Figure:
    """`change` says the difference from the days before, `aside` what else a reader wants beside the value."""

    name: str
    value: str
    change: str
    aside: str = ""


def figures(period: Period) -> tuple[Figure, ...]:
    now = reading.overview(period.tenant, period.span)
    before = reading.overview(period.tenant, period.span.before)
    return (
        *_counts(now, before, period.days),
        *_shares(now, before, period.days),
        *_time_and_money(now, before, period),
    )


def _counts(now: Overview, before: Overview, days: int) -> Iterator[Figure]:
    asked = words.compared(now.asked, before.asked, Unit.COUNT, days)
    yield Figure(_("Questions"), words.shown(now.asked, Unit.COUNT), asked)
    yield _share(_("Answered by AION"), now.local, now.asked, before.local, before.asked, days)
    paid = _share(_("By the paid API"), now.fallback, now.answered, before.fallback, before.answered, days)
    limit = settings.AION_TAU_FALLBACK
    said = _("above the limit of %(limit)s") if (now.fallback_share or 0) > limit else _("limit: %(limit)s")
    yield Figure(paid.name, paid.value, paid.change, said % {"limit": words.percent(limit)})
    yield _share(_("Not found in the documents"), now.abstain, now.asked, before.abstain, before.asked, days)
    yield _share(_("Failed"), now.failed, now.asked, before.failed, before.asked, days)


def _shares(now: Overview, before: Overview, days: int) -> Iterator[Figure]:
    checked, checked_before = now.grounded + now.not_grounded, before.grounded + before.not_grounded
    yield _share(_("Supported by passages"), now.grounded, checked, before.grounded, checked_before, days)
    votes, votes_before = now.votes_up + now.votes_down, before.votes_up + before.votes_down
    yield _share(_("Thumbs up"), now.votes_up, votes, before.votes_up, votes_before, days)


def _time_and_money(now: Overview, before: Overview, period: Period) -> Iterator[Figure]:
    p95, p95_before = _p95(period.tenant, period.span), _p95(period.tenant, period.span.before)
    slower = words.compared(p95, p95_before or 0, Unit.MS, period.days) if p95 else ""
    yield Figure(_("95 of 100 answers in at most"), words.shown(p95, Unit.MS), slower)
    tokens, tokens_before = now.input_tokens + now.output_tokens, before.input_tokens + before.output_tokens
    more = words.compared(tokens, tokens_before, Unit.COUNT, period.days)
    yield Figure(_("Tokens"), words.shown(tokens, Unit.COUNT), more)
    dearer = words.compared(now.cost_usd, before.cost_usd, Unit.USD, period.days)
    reais = words.shown(now.cost_usd * rate_at(timezone.now()).brl, Unit.BRL)
    yield Figure(_("Cost"), words.shown(now.cost_usd, Unit.USD), dearer, reais)


def _share(name: str, part: int, whole: int, part_before: int, whole_before: int, days: int) -> Figure:
    share = part / whole if whole else None
    share_before = part_before / whole_before if whole_before else None
    change = words.compared_shares(share, share_before, days)
    interval = wilson(part, whole)
    between = ""
    if interval:
        bounds = {"low": words.percent(interval.low), "high": words.percent(interval.high)}
        between = _("%(low)s to %(high)s") % bounds
    return Figure(name, words.shown(share, Unit.SHARE), change, between)


def _p95(tenant: str, span: Range) -> float | None:
    return next((one.p95_ms for one in reading.latencies(tenant, span) if one.stage == WHOLE), None)
