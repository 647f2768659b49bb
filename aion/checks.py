"""What `manage.py check`, and with it every start, says about the environment."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.translation import gettext as _

from chat.providers import is_configured, what_is_wrong


@checks.register
def check_environment(app_configs: object, **kwargs: Any) -> list[checks.CheckMessage]:
    """An error for each variable whose value can't be used, and a warning for a door left open."""
    found: list[checks.CheckMessage] = [
        checks.Error(
            _("%(variable)s has a value that AION can't use.") % {"variable": problem.variable},
            hint=_("Set it, in .env or in the environment, to %(expected)s; or remove it, for the default.")
            % {"expected": _(problem.expected) % problem.values},
            id="aion.E001",
        )
        for problem in settings.ENVIRONMENT.problems
    ]
    if wrong := what_is_wrong(settings.AION_FALLBACK_MODEL):
        found.append(
            checks.Error(
                _("%(variable)s has a value that AION can't use.") % {"variable": "AION_FALLBACK_MODEL"},
                hint=wrong,
                id="aion.E003",
            )
        )
    elif settings.AION_FALLBACK_ENABLED and not is_configured(settings.AION_FALLBACK_MODEL):
        found.append(
            checks.Error(
                _("AION_FALLBACK_ENABLED is on, and OPENAI_API_KEY is empty."),
                hint=_("Set OPENAI_API_KEY, or AION_FALLBACK_ENABLED=false."),
                id="aion.E002",
            )
        )
    return found
