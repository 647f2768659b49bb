"""What keeps AION, or a part of it, from starting, and a button of the panel from doing its work."""

from __future__ import annotations

from django.apps import apps
from django.utils.translation import gettext


class CannotStart(Exception):
    """The message says why and what to do.

    It is an untranslated template (see `translatable`) and its values: it is translated when it is shown, since it
    may be raised before Django is set up. Where Django could not be, it stays English.
    """

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template, values)
        self._template, self._values = template, values

    def __str__(self) -> str:
        template = gettext(self._template) if apps.ready else self._template
        return template % self._values if self._values else template


def translatable(text: str) -> str:
    """Mark `text` for the catalogues (import this as `_`); unlike Django's `gettext_noop` it needs no settings."""
    return text


class ActionFailed(Exception):
    """The room refused; the message is for the person who pressed the button."""
