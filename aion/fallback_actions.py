"""What the panel's button that tests the paid API says, and does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from aion.exceptions import ActionFailed
from chat import control, paid_wording, providers
from chat.answers import Asker
from chat.drill import drill_fallback, left_usd, most_a_drill_costs_usd
from chat.exceptions import FallbackUnavailable


def testing_explained() -> str:
    """What will happen, for how much."""
    usd = paid_wording.usd(most_a_drill_costs_usd(control.current()))
    return _(
        "Each paid model is asked one small real question, also while the paid API is off. "
        "That costs US$ %(usd)s at most."
    ) % {"usd": usd}


def ask_each_model(values: Mapping[str, Any], by: User) -> str:
    try:
        groups = None if by.is_superuser else tuple(by.groups.values_list("name", flat=True))
        drill = drill_fallback(control.current(), asker=Asker(user_id=by.pk, groups=groups))
    except FallbackUnavailable as exc:
        raise ActionFailed(_no_room()) from exc
    told = "\n".join(paid_wording.drill_in_words(drill))
    if not drill.works:
        raise ActionFailed(told)
    return told


def testing_blocked() -> str:
    policy = control.current()
    if not providers.is_configured(policy.fallback_model):
        return _("No key of a paid API is configured (OPENAI_API_KEY).")
    if min(left_usd().values()) < most_a_drill_costs_usd(policy):
        return _no_room()
    return ""


def _no_room() -> str:
    return _("The budget has no room for the test. Raise a limit under Limits.")
