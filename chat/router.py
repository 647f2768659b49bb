"""Which way a question goes: local, fallback, abstain, or an error. Pure: values in, a value out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Reason(StrEnum):
    """Why the route was taken; stable codes, put in words by `chat.wording`."""

    CONFIDENT = "confident"
    LOW_CONFIDENCE = "low_confidence"
    LOW_CONFIDENCE_WARNED = "low_confidence_warned"
    NOTHING_FOUND = "nothing_found"
    FORCED = "forced"
    EMPTY_ANSWER = "empty_answer"
    UNSUPPORTED = "unsupported"
    ENGINE_FAILED = "engine_failed"
    OVERLOADED = "overloaded"


class LocalFailure(StrEnum):
    """How a local attempt failed. The first two are about the answer, the others about the machine."""

    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    ENGINE = "engine"
    OVERLOAD = "overload"


class Paid(StrEnum):
    """Whether the paid API may be used for this question."""

    ALLOWED = "allowed"
    OFF = "off"
    OUTSIDE_HOURS = "outside_hours"
    BUDGET_SPENT = "budget_spent"
    LOCAL_ONLY = "local_only"


@dataclass(frozen=True, slots=True)
class RouteDecision:
    """`error` means that the failure itself is the answer: abstaining is for what the documents do not answer."""

    route: Literal["local", "fallback", "abstain", "error"]
    reason: Reason
    paid: Paid


_FAILED = {
    LocalFailure.EMPTY: Reason.EMPTY_ANSWER,
    LocalFailure.UNSUPPORTED: Reason.UNSUPPORTED,
    LocalFailure.ENGINE: Reason.ENGINE_FAILED,
    LocalFailure.OVERLOAD: Reason.OVERLOADED,
}


def choose_route(
    *,
    confidence: float,
    tau: float,
    forced: bool,
    paid: Paid,
    found: bool = True,
    local_failed: LocalFailure | None = None,
    pay_for_overload: bool = False,
    warn: bool = False,
) -> RouteDecision:
    """Decide. Asked again with `local_failed` after a local attempt, and with `paid=BUDGET_SPENT` after a refusal.

    Without a single passage found nothing can be answered from the documents, whatever tau is. With `warn` the local
    model answers with a warning where confidence is low and nothing may be paid; what it then fails at is no answer.
    """
    reason = _reason(confidence, tau, forced, found, local_failed)
    if reason is Reason.CONFIDENT:
        return RouteDecision("local", reason, paid)
    may_pay = paid is Paid.ALLOWED and (reason is not Reason.OVERLOADED or pay_for_overload)
    if may_pay:
        return RouteDecision("fallback", reason, paid)
    if warn and reason is Reason.LOW_CONFIDENCE:
        return RouteDecision("local", Reason.LOW_CONFIDENCE_WARNED, paid)
    broken = reason in (Reason.ENGINE_FAILED, Reason.OVERLOADED)
    return RouteDecision("error" if broken else "abstain", reason, paid)


def _reason(confidence: float, tau: float, forced: bool, found: bool, failed: LocalFailure | None) -> Reason:
    if forced:
        return Reason.FORCED
    if failed is not None:
        return _FAILED[failed]
    if not found:
        return Reason.NOTHING_FOUND
    return Reason.CONFIDENT if confidence >= tau else Reason.LOW_CONFIDENCE
