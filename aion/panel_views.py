"""The pages behind the panel's buttons: GET shows what would happen, POST does it and leaves a log entry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from aion.exceptions import ActionFailed
from aion.light import Level
from aion.lights import lights
from aion.panel_actions import ACTIONS, PanelAction, may_use
from chat.screens import confirmation


def panel_action(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for confirmation, then do what the button `slug` does. Without its permissions: 403."""
    action = ACTIONS.get(slug)
    if action is None:
        raise Http404
    if not may_use(action, request.user):
        raise PermissionDenied
    if request.method != "POST":
        return _ask(request, action, action.form(initial=action.initial() | request.GET.dict()))
    form = action.form(request.POST)
    if action.blocked() or not form.is_valid():
        return _ask(request, action, form)
    return _perform(request, action, form.cleaned_data)


@require_POST
def check_now(request: HttpRequest) -> HttpResponse:
    """The button "Status": look at everything anew and say it in words."""
    found = lights()
    wrong = [light for light in found if light.level is not Level.GREEN]
    for light in wrong:
        notify = messages.error if light.level is Level.RED else messages.warning
        notify(request, f"{light.title}: {light.sentence}")
    if not wrong:
        messages.success(request, _("Everything was checked and works."))
    _log(request, _("Status"), "; ".join(f"{light.title}: {light.sentence}" for light in found))
    return _to_panel()


def _ask(request: HttpRequest, action: PanelAction, form: Form) -> HttpResponse:
    return confirmation(
        admin.site,
        request,
        title=action.title,
        explanation=action.explanation,
        changes=action.changes(form),
        verb=action.verb,
        back=reverse("admin:index"),
        form=form,
        blocked=action.blocked(),
        danger=action.danger,
    )


def _perform(request: HttpRequest, action: PanelAction, values: Mapping[str, Any]) -> HttpResponse:
    try:
        result = action.run(values, _person(request))
    except ActionFailed as exc:
        _log(request, str(action.title), _("Failed: %(why)s") % {"why": exc})
        messages.error(request, _in_lines(str(exc)))
    else:
        _log(request, str(action.title), result)
        messages.success(request, _in_lines(result))
    return _to_panel()


def _in_lines(text: str) -> str:
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in text.splitlines()))


def _log(request: HttpRequest, what: str, message: str) -> None:
    LogEntry.objects.create(
        user=_person(request),
        content_type=None,
        object_id=None,
        object_repr=what[:200],
        action_flag=CHANGE,
        change_message=message,
    )


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101  # the admin lets nobody else this far
    return request.user


def _to_panel() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:index"))
