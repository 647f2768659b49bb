"""What the panel's buttons about the nights do, and why each may be blocked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from aion import tasks
from aion.loop.pause import is_paused, set_paused
from chat.screens import Change
from telemetry.models import Night


def pause(values: Mapping[str, Any], by: User) -> str:
    set_paused(True, by=by, reason=values["reason"])
    return _("The autopilot is paused. What serves stays, and is watched as before.")


def resume(values: Mapping[str, Any], by: User) -> str:
    set_paused(False, by=by, reason=values["reason"])
    return _("The autopilot works again from the next night on.")


def pausing_blocked() -> str:
    return _("The autopilot is paused already.") if is_paused() else ""


def resuming_blocked() -> str:
    return "" if is_paused() else _("The autopilot is not paused.")


def pausing_changes(form: forms.Form) -> Sequence[Change]:
    return [(_("Nightly learning"), _("by itself"), _("paused"))]


def resuming_changes(form: forms.Form) -> Sequence[Change]:
    return [(_("Nightly learning"), _("paused"), _("by itself"))]


def run_now(values: Mapping[str, Any], by: User) -> str:
    tasks.autopilot.delay(occasion=uuid4().hex)
    return _("The night was started. Nights shows each step as it ends.")


def try_out(values: Mapping[str, Any], by: User) -> str:
    tasks.autopilot.delay(occasion=uuid4().hex, dry_run=True)
    return _("The dry run was started. Nights shows in a moment what would be decided.")


def running_blocked() -> str:
    at_work = Night.objects.filter(tenant=settings.PRIMARY_TENANT_ID, state=Night.State.RUNNING)
    return _("A night is at work already; wait until it is done.") if at_work.exists() else ""


def running_now_blocked() -> str:
    if is_paused():
        return _("The autopilot is paused. Resume it first.")
    return running_blocked()
