"""How a change is shown before it is made: the confirmation page, and settings in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.admin import AdminSite
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from chat import control
from chat.models import ChatSettingsRevision

Change = tuple[str, str, str]  # what, before, after


def confirmation(
    site: AdminSite,
    request: HttpRequest,
    *,
    title: object,
    explanation: object,
    verb: object,
    back: str,
    changes: Sequence[Change] = (),
    form: Form | None = None,
    hidden: Sequence[SafeString] = (),
    blocked: object = "",
    danger: bool = False,
) -> HttpResponse:
    """The page between a button and its effect: what will happen, from what to what, and one POST to do it.

    `blocked` says why it cannot be done now; then there is no button. `hidden` are inputs to be sent along.
    """
    context = {
        **site.each_context(request),
        "title": title,
        "explanation": explanation,
        "changes": changes,
        "verb": verb,
        "back": back,
        "form": form,
        "hidden": hidden,
        "blocked": blocked,
        "danger": danger,
    }
    return TemplateResponse(request, "admin/panel/confirm.html", context)


def label(name: str) -> str:
    """A setting's name as people read it."""
    return str(ChatSettingsRevision._meta.get_field(name).verbose_name)  # type: ignore[union-attr]  # own plain fields


def shown(name: str, value: Any) -> str:
    """A setting's value as people read it; None is what it inherits."""
    if value is None:
        inherited = getattr(control.defaults(), name)
        return "—" if inherited is None else gettext("default (%(value)s)") % {"value": shown(name, inherited)}
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, datetime):
        return localize(timezone.localtime(value))
    if isinstance(value, list | tuple):
        return ", ".join(value)
    choices = dict(ChatSettingsRevision._meta.get_field(name).flatchoices)  # type: ignore[union-attr]
    text = str(choices.get(value, localize(value)))
    return text if len(text) <= 90 else f"{text[:90]}…"


def values_of(revision: ChatSettingsRevision | None) -> dict[str, Any]:
    """The settings of a revision; of none, everything inherited."""
    return {name: getattr(revision, name, None) for name in ChatSettingsRevision.INHERITED}


def differences(
    before: Mapping[str, Any], after: Mapping[str, Any], *, show: Callable[[str, Any], str] = shown
) -> list[Change]:
    """What changes between two states of the settings, in words."""
    return [
        (label(name), show(name, before.get(name)), show(name, after[name]))
        for name in ChatSettingsRevision.INHERITED
        if name in after and after[name] != before.get(name)
    ]
