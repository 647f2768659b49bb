"""What was foretold at each change of tau, and what came true. Nothing is stored for it: the forecast is made again
from the log before the change (drafts of those nights, made later, count in it too)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.utils import timezone

from chat import control
from chat.models import ChatSettingsRevision
from chat.tau_lab.forecast import WEEK, Share, forecast
from chat.tau_lab.traffic import DAYS_REPLAYED, SWITCHED, Traffic

FEWEST_TO_COMPARE = 20  # questions; of fewer the share is chance


@dataclass(frozen=True, slots=True)
class TauChange:
    """tau from one value to another, as a revision of the settings."""

    revision: int
    at: datetime
    by: str
    before: float
    after: float

    @property
    def day(self) -> int:
        return timezone.localtime(self.at).date().toordinal()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The share answered here in the week after a change: foretold, and as it came over `days` whole days of `asked`
    questions; None while there are too few."""

    change: TauChange
    foretold: Share
    came: float | None
    days: int
    asked: int

    @property
    def inside(self) -> bool | None:
        return None if self.came is None else self.foretold.holds(self.came)


def tau_changes(*, latest: int) -> list[TauChange]:
    """The `latest` changes, the last one first."""
    inherited = control.defaults().tau
    changes: list[TauChange] = []
    before = inherited
    for revision in ChatSettingsRevision.objects.order_by("id").select_related("by"):
        after = inherited if revision.tau is None else revision.tau
        if after != before:
            name = revision.by.get_username() if revision.by else ""
            changes.append(TauChange(revision.pk, revision.at, name, before, after))
        before = after
    return changes[::-1][:latest]


def what_came_true(changes: Sequence[TauChange], traffic: Traffic, *, today: int) -> list[Outcome]:
    """Each change, the last one first, with its forecast and the seven days after it, or as many as it was in force."""
    outcomes = []
    until = today  # its own day is not over
    for change in changes:
        if ((traffic.day < change.day) & (traffic.day >= change.day - DAYS_REPLAYED)).any():
            seen = traffic.where(traffic.day >= change.day - DAYS_REPLAYED)
            foretold = forecast(seen, np.array([change.after]), last_day=change.day - 1)[0]
            outcomes.append(_outcome(change, foretold, traffic, min(until, change.day + 1 + WEEK)))
        until = change.day
    return outcomes


def _outcome(change: TauChange, foretold: Share, traffic: Traffic, until: int) -> Outcome:
    week = traffic.where((traffic.day > change.day) & (traffic.day < until) & (traffic.route != SWITCHED))
    asked = len(week)
    came = float((week.route == "local").mean()) if asked >= FEWEST_TO_COMPARE else None
    return Outcome(change, foretold, came, max(0, until - change.day - 1), asked)
