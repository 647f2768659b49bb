"""What people read of the paid API: whoever asked, why there is no answer; staff, what a drill saw and how to mend it.
Never the provider's own text."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import ROUND_UP, Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chat import paid_call
from chat.drill import Drill
from chat.fallback import ANSWERED, PaidAttempt


def to_users(reason: str) -> str:
    """Why the paid API gave no answer, by the reason of a `FallbackFailed`."""
    sentences = {
        "timeout": _("The paid API took too long. Please try again."),
        "quota": _("The paid API takes no more questions right now. Please try again later."),
        "refused": _("The paid API did not take the question. Please tell whoever looks after AION."),
        "unconfigured": _("The paid API is not set up yet. Please tell whoever looks after AION."),
        "unreachable": _("The paid API cannot be reached right now. Please try again later."),
        "interrupted": _("The paid API broke off in the middle. Please try again."),
        "personal_data": _("Nothing was sent to the paid API: personal data would have gone with it."),
        "circuit_open": _("The paid API failed several times in a row and is being spared. Try again in a minute."),
    }
    return sentences.get(reason) or _("The paid API gave no answer. Please try again.")


def drill_in_words(drill: Drill) -> Iterator[str]:
    """A drill step by step, a sentence a step."""
    yield _summary(drill)
    if drill.masked_kinds:
        yield _("Removed before sending: %(kinds)s.") % {"kinds": ", ".join(drill.masked_kinds)}
    yield from map(attempt_in_words, drill.attempts)
    if drill.untried:
        yield _("Not tested, for want of time or budget: %(models)s.") % {"models": ", ".join(drill.untried)}
    yield _("Left in the budget: US$ %(day)s today, US$ %(month)s this month.") % {
        period: number_format(usd, 2) for period, usd in drill.left_usd.items()
    }


def attempt_in_words(attempt: PaidAttempt) -> str:
    """What one model did and what that cost; where it failed, how to mend it."""
    name = f"{attempt.model} ({attempt.host})" if attempt.host else attempt.model
    money = {"reserved": usd(attempt.reserved_usd), "cost": usd(attempt.cost_usd)}
    paid = _("US$ %(reserved)s reserved, US$ %(cost)s charged.") % money if attempt.reservation_id else ""
    if attempt.outcome != ANSWERED:
        return f"{name}: {mend(attempt)} {paid}".strip()
    answered = _("%(name)s: answered, first word after %(seconds)s s.") % {
        "name": name,
        "seconds": number_format(round(attempt.first_token_ms / 1000, 2), 2),
    }
    return f"{answered} {_tokens(attempt)} {paid}"


def mend(attempt: PaidAttempt) -> str:
    """Why a model did not answer and what to do about it, for staff."""
    if attempt.outcome == "refused":
        return _refusal(attempt.status)
    sentences = {
        "timeout": _("no answer within %(seconds)d s; see the provider's status page, and try again later."),
        "quota": _("takes no more questions; look at the credit and the limits of the account there."),
        "unreachable": _(
            "nobody answers at this address; check it (OPENAI_BASE_URL, AION_FALLBACK_PROVIDERS) and the network."
        ),
        "server_error": _("failed by its own fault; try again later."),
        "interrupted": _("broke off in the middle; try again later."),
        "malformed": _("gave an answer that cannot be read; check that the address speaks OpenAI's protocol."),
        "personal_data": _("was not asked, since personal data would have gone with the question."),
        "unconfigured": _(
            "has no address or no key; set OPENAI_API_KEY or AION_FALLBACK_PROVIDERS and start AION again."
        ),
        "circuit_open": _("is being tried by another question; test again in a moment."),
    }
    return sentences[attempt.outcome] % {"seconds": paid_call.TIMEOUT_S}


def usd(amount: Decimal) -> str:
    """A small amount as people read it, rounded up."""
    return number_format(amount.quantize(Decimal("1e-6"), ROUND_UP), 6)


def _summary(drill: Drill) -> str:
    answered = sum(attempt.outcome == ANSWERED for attempt in drill.attempts)
    if not answered:
        return _("The fallback does not work: no model answered.")
    sentence = ngettext(
        "The fallback works: %(count)d model answered.", "The fallback works: %(count)d models answered.", answered
    )
    return sentence % {"count": answered}


def _tokens(attempt: PaidAttempt) -> str:
    if attempt.input_tokens is None:
        return _("It did not say how many tokens it used, so the whole reservation was charged.")
    return _("%(read)s tokens read, %(written)s written.") % {
        "read": attempt.input_tokens,
        "written": attempt.output_tokens,
    }


def _refusal(status: int | None) -> str:
    if status in (401, 403):
        return _("does not accept the key; check OPENAI_API_KEY or the key in AION_FALLBACK_PROVIDERS.")
    if status == 404:
        return _("is not known there; check the model's name in the answer settings, and the address.")
    return _("refused the question (HTTP %(status)s); check the model's name in the answer settings.") % {
        "status": status
    }
