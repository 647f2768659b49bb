"""What people read: reasons in their language, and what AION says in Portuguese when it does not answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.utils import timezone, translation
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from chat.answers import Source
from chat.router import Paid, Reason, RouteDecision

RELATED_SHOWN = 3


def explain(decision: RouteDecision, *, confidence: float, tau: float) -> str:
    """The reason of a route in words, and why the paid API was not used where it could have been."""
    values = {"confidence": number_format(confidence, 2), "tau": number_format(tau, 2)}
    sentence = {
        Reason.CONFIDENT: _("Confidence %(confidence)s reaches tau %(tau)s."),
        Reason.LOW_CONFIDENCE: _("Confidence %(confidence)s is below tau %(tau)s."),
        Reason.LOW_CONFIDENCE_WARNED: _("Confidence %(confidence)s is below tau %(tau)s: answered with a warning."),
        Reason.NOTHING_FOUND: _("No passage was found."),
        Reason.FORCED: _("The paid fallback was asked for."),
        Reason.EMPTY_ANSWER: _("The local model gave an empty answer."),
        Reason.UNSUPPORTED: _("The documents do not support what the local model wrote."),
        Reason.ENGINE_FAILED: _("The local model failed."),
        Reason.OVERLOADED: _("The local model is overloaded."),
    }[decision.reason] % values
    return f"{sentence} {_why_not_paid(decision)}".strip()


def _why_not_paid(decision: RouteDecision) -> str:
    if decision.route == "fallback" or decision.reason is Reason.CONFIDENT:
        return ""
    return {
        Paid.OFF: _("The paid fallback is off."),
        Paid.OUTSIDE_HOURS: _("The paid fallback is outside its hours."),
        Paid.BUDGET_SPENT: _("The budget of the paid fallback is spent."),
        Paid.LOCAL_ONLY: _("The passages found may not leave this machine."),
        Paid.ALLOWED: "",
    }[decision.paid]


def abstention(decision: RouteDecision, related: Sequence[Source]) -> str:
    """What is answered instead of an answer: always in Portuguese, never a claim, the nearest sources named."""
    with translation.override("pt-br"):
        if decision.reason is Reason.FORCED:
            opening = _("I cannot ask the external service now, so I have no answer to give.")
        else:
            opening = _("I did not find the answer to this question in the documents.")
        names = list(dict.fromkeys(source.name for source in related))[:RELATED_SHOWN]
        if not names:
            return opening
        related_line = _("Perhaps related: %(names)s.") % {"names": "; ".join(names)}
        return f"{opening} {related_line}"


def caution(decision: RouteDecision, *, confidence: float, tau: float) -> str:
    """What an answer begins with that the documents may not hold, always in Portuguese; "" for any other."""
    if decision.reason is not Reason.LOW_CONFIDENCE_WARNED:
        return ""
    with translation.override("pt-br"):
        sentence = _(
            "Careful: the documents may not answer this question. My confidence is %(confidence)s, below the "
            "threshold of %(tau)s. Check the sources before you rely on this answer."
        )
        return sentence % {"confidence": number_format(confidence, 2), "tau": number_format(tau, 2)}


def until(moment: datetime) -> str:
    """When something ends, as people say it: `14h30`, with the day where that is another."""
    local = timezone.localtime(moment)
    at = date_format(local, "TIME_FORMAT")
    if local.date() == timezone.localdate():
        return at
    return _("%(time)s on %(day)s") % {"time": at, "day": date_format(local, "SHORT_DATE_FORMAT")}


def sources_line(cited: Sequence[Source]) -> str:
    """`Fontes: [1] name; [2] name`, as older clients know it; "" where nothing is cited."""
    return "Fontes: " + "; ".join(f"[{source.number}] {source.name}" for source in cited) if cited else ""
