"""Whose account is meant, by name or number."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.utils.translation import gettext as _

from aion.exceptions import ActionFailed


def find_account(given: str) -> tuple[int, str]:
    """The number and name of an account; or of one that is gone, whose words may still be there. Raises
    `ActionFailed`."""
    found = get_user_model().objects.filter(username=given).first()
    if found is not None:
        return found.pk, found.get_username()
    if given.isdecimal() and len(given) < 19:
        return int(given), f"#{given}"
    raise ActionFailed(_("There is no account named %(name)s.") % {"name": given})
