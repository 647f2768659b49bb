"""The page of the tau lab: what each tau would mean, drawn and in words; the saving is the panel's own button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import ceil
from typing import Any

import numpy as np
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chat import calibration, control
from chat.models import ChatSettingsRevision
from chat.providers import order_of
from chat.screens import Change
from chat.tau_lab.consequences import Basis, Consequences, consequences
from chat.tau_lab.forecast import USABLE_WIDTH, Share
from chat.tau_lab.history import Outcome, tau_changes, what_came_true
from chat.tau_lab.target import Choice, tau_for
from chat.tau_lab.traffic import DAYS_REPLAYED, Traffic, load
from telemetry import pricing
from telemetry.currency import Rate, rate_at

TAUS = np.round(np.arange(101) / 100, 2)
FEWEST_QUESTIONS = 30
CHANGES_SHOWN = 8
DAYS_OF_CHANGES = 120
DAYS_REVIEWED = 180
USUAL_PROMPT_TOKENS, USUAL_ANSWER_TOKENS = 2500, 300  # of a paid call, until one was made
TARGETS = (2, 5, 10, 15)
NBSP = "\N{NO-BREAK SPACE}"
WIDE, HIGH = 600, 220  # of the drawing


@dataclass(frozen=True, slots=True)
class Band:
    """A curve over tau and the area of its interval, as SVG points."""

    line: str
    area: str


def usd_a_call(traffic: Traffic) -> Decimal:
    """What a paid answer costs: the mean of those made, or a usual one at the model's price."""
    paid = traffic.cost_usd[~np.isnan(traffic.cost_usd)]
    if len(paid):
        return Decimal(str(round(float(paid.mean()), 6)))
    first = next(iter(order_of(control.current().fallback_model)), None)
    return pricing.price_of(first.model if first else "").cost_usd(USUAL_PROMPT_TOKENS, USUAL_ANSWER_TOKENS)


def replayed(traffic: Traffic, taus: Sequence[float], *, today: int) -> list[Consequences]:
    """The consequences of each tau under the policy in force."""
    allowed = control.current().fallback_allowed
    return consequences(traffic, taus, today=today, fallback_allowed=allowed, usd_a_call=usd_a_call(traffic))


def lab_context(request: HttpRequest) -> dict[str, Any]:
    """What `templates/admin/chat/tau_lab.html` shows. `?target=5`: at most so many percent wrong; `?rescored=1`: past
    questions get the confidence that today's calibration would give them."""
    rescored = _rescored(request.GET.get("rescored", ""))
    traffic, today = load(rescored=rescored), timezone.localdate().toordinal()
    past = traffic.where(traffic.day < today)
    context: dict[str, Any] = {
        "title": _("Tau laboratory"),
        "asked": len(past),
        "missing": max(0, FEWEST_QUESTIONS - len(past)),
        "days": DAYS_REPLAYED,
        "rescored": rescored,
        "tau": control.current().tau,
    }
    if context["missing"]:
        return context
    curve = replayed(past, TAUS.tolist(), today=today)
    now = replayed(past, [context["tau"]], today=today)[0]
    target, rate = _target(request), rate_at(timezone.now())
    return context | {
        "axis": [(_y(share), f"{share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1)],
        "fallback_allowed": now.fallback_allowed,
        "local": band([one.local for one in curve]),
        "wrong": band([one.errors.share if one.errors else None for one in curve]),
        "rows": [in_words(one, rate) for one in curve],
        "now": in_words(now, rate),
        "rate": rate,
        "wide_interval": now.local.width > USABLE_WIDTH,
        "outcomes": [
            outcome_in_words(one)
            for one in what_came_true(tau_changes(latest=CHANGES_SHOWN), load(days=DAYS_OF_CHANGES), today=today)
        ],
        "targets": TARGETS,
        "target": target,
        "choice": choice_in_words(tau_for(_reviewable(), target / 100)) if target else None,
        "warns": control.current().on_low_confidence == ChatSettingsRevision.OnLowConfidence.WARN,
        "save": reverse("admin:panel_action", args=["tau"]),
    }


def _rescored(asked: str) -> bool:
    """Whether past questions get today's confidence: as asked, else where the calibration is younger than they are."""
    if control.current().scorer != ChatSettingsRevision.Scorer.CALIBRATED:
        return False
    fitted = calibration.in_force()
    younger = fitted is not None and fitted.created_at > timezone.now() - timedelta(days=DAYS_REPLAYED)
    return asked == "1" or (younger and asked != "0")


def _reviewable() -> Traffic:
    """What was asked and reviewed since C is what it is: a review says something of the answers given then."""
    fitted = calibration.in_force()
    days = (timezone.now() - fitted.created_at).days if fitted else DAYS_REVIEWED
    return load(days=min(days, DAYS_REVIEWED))


def compare(before: float, after: float) -> Sequence[Change]:
    """What changes with tau, in words; nothing while there are too few questions to say."""
    today = timezone.localdate().toordinal()
    traffic = load(rescored=_rescored(""))
    past = traffic.where(traffic.day < today)
    if len(past) < FEWEST_QUESTIONS or not 0 <= after <= 1:
        return ()
    rate = rate_at(timezone.now())
    now, then = (in_words(one, rate) for one in replayed(past, [before, after], today=today))
    rows = [(_("Answered here"), "local"), (_("Wrong, of those answered here"), "errors")]
    if control.current().fallback_allowed:
        rows += [(_("Sent to the paid API"), "fallback"), (_("Cost at most"), "cost")]
    else:
        rows += [(_("Said to be not found"), "abstained")]
    return [(title, now[name], then[name]) for title, name in rows]


def in_words(one: Consequences, rate: Rate) -> dict[str, str]:
    """The consequences of a tau as people read them, money also in R$ at `rate`."""
    return {
        "tau": number_format(one.tau, 2),
        "local": percent(one.local),
        "fallback": percent(one.fallback) if one.fallback_allowed else _("the paid API is off"),
        "abstained": percent(one.abstained),
        "errors": percent(one.errors.share) if one.errors else "—",
        "basis": _basis(one),
        "cost": _cost(one.usd_a_month, rate),
    }


def percent(share: Share) -> str:
    """`72 % (68–76 %)`, which breaks before the bracket only."""
    low, value, high = (number_format(round(100 * part)) for part in (share.low, share.value, share.high))
    return f"{value}{NBSP}% ({low}–{high}{NBSP}%)" if share.width > 0 else f"{value}{NBSP}%"


def _cost(usd: Decimal, rate: Rate) -> str:
    values = {"usd": number_format(usd, 2), "brl": number_format(round(usd * rate.brl, 2), 2)}
    return _("US$ %(usd)s (R$ %(brl)s) a month") % values


def _basis(one: Consequences) -> str:
    if one.errors is None:
        return _("Nothing would be answered here.")
    if one.errors.basis is Basis.REVIEWS:
        counted = ngettext("counted in %(count)d review", "counted in %(count)d reviews", one.errors.reviews)
        return counted % {"count": one.errors.reviews}
    if not one.errors.reviews:
        return _("as the confidence promises; nothing was reviewed")
    partly = ngettext(
        "%(count)d review counted; the rest as the confidence promises",
        "%(count)d reviews counted; the rest as the confidence promises",
        one.errors.reviews,
    )
    return partly % {"count": one.errors.reviews}


def choice_in_words(choice: Choice) -> dict[str, Any]:
    """What a target leads to: a tau that can be taken over, or what is lacking."""
    values = {"target": number_format(round(100 * choice.target))}
    if choice.tau is not None and choice.judged is not None and choice.upper_bound is not None:
        values |= {
            "tau": number_format(choice.tau, 2),
            "reviews": number_format(choice.judged.reviews),
            "wrong": number_format(choice.judged.wrong),
            "bound": number_format(ceil(1000 * choice.upper_bound) / 10, 1),
        }
        sentence = _(
            "With tau %(tau)s at most %(target)s %% are wrong: of %(reviews)s reviewed answers at or above it "
            "%(wrong)s were wrong, so that with 95 %% confidence it is no more than %(bound)s %%."
        )
        return {"tau": choice.tau, "sentence": sentence % values}
    if choice.more_reviews is None:
        sentence = _(
            "No tau keeps this target: more than %(target)s %% of the reviewed answers were wrong at every one. "
            "Better documents or a better adapter would help, not a higher tau."
        )
    else:
        values["more"] = number_format(choice.more_reviews)
        sentence = _("It cannot be promised yet: about %(more)s more reviewed answers are needed for %(target)s %%.")
    return {"tau": None, "sentence": sentence % values}


def outcome_in_words(outcome: Outcome) -> dict[str, Any]:
    """One change of tau as a row of the table."""
    change = outcome.change
    counted = ngettext("%(count)d question", "%(count)d questions", outcome.asked) % {"count": outcome.asked}
    came = "—" if outcome.came is None else f"{number_format(round(100 * outcome.came))} %"
    return {
        "revision": change.revision,
        "at": change.at,
        "by": change.by,
        "before": number_format(change.before, 2),
        "after": number_format(change.after, 2),
        "foretold": percent(outcome.foretold),
        "came": f"{came} ({counted})",
        "inside": outcome.inside,
    }


def band(shares: Sequence[Share | None]) -> Band:
    """The curve of the shares that there are, from tau 0 on the left to 1."""
    step = WIDE / (len(shares) - 1)
    known = [(round(place * step, 1), share) for place, share in enumerate(shares) if share is not None]
    line = " ".join(f"{x},{_y(share.value)}" for x, share in known)
    upper = [f"{x},{_y(share.high)}" for x, share in known]
    lower = [f"{x},{_y(share.low)}" for x, share in reversed(known)]
    return Band(line, " ".join(upper + lower))


def _y(share: float) -> float:
    return round(HIGH * (1 - share), 1)


def _target(request: HttpRequest) -> int | None:
    asked = request.GET.get("target", "")
    return int(asked) if asked.isdecimal() and 1 <= int(asked) <= 50 else None
