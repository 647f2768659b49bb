"""The first page of the panel: lights, tau, buttons, and what was asked. Gathers values; the template shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from aion.lights import lights
from aion.loop.pause import is_paused
from aion.metrics import documents, questions
from aion.metrics.page import shown
from aion.metrics.period import Period
from aion.panel_actions import ACTIONS, PanelAction, TauForm, may_use
from chat import control
from chat.groups_screen import in_words
from inference.serving import engine_status
from telemetry.rollups.reading import Range

DAYS = 14
HEATMAP_DOCUMENTS = 12


@dataclass(frozen=True, slots=True)
class Button:
    """A button as one person sees it; `why_not` says why it is disabled."""

    action: PanelAction
    address: str
    why_not: str


def first_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's hook: what `templates/admin/index.html` shows."""
    period = Period(settings.PRIMARY_TENANT_ID, Range.of_last(DAYS))
    hidden = {
        "tau",
        "force-fallback" if control.current().fallback_forced() else "stop-forcing",
        "merge-adapter" if engine_status().merged else "unmerge-adapter",
        "pause-autopilot" if is_paused() else "resume-autopilot",
    }
    context |= {
        "title": _("Panel"),
        "lights": lights(),
        "tau": control.current().tau,
        "differences": [(difference.group, in_words(difference)) for difference in control.differences_in_force()],
        "tau_form": TauForm(initial={"tau": control.current().tau}),
        "buttons": [button_of(action, request) for action in ACTIONS.values() if action.slug not in hidden],
        "tau_button": button_of(ACTIONS["tau"], request),
        "routes": shown(questions.routes(period)),
        "heatmap": shown(documents.heatmap(period, rows=HEATMAP_DOCUMENTS)),
        "days": DAYS,
    }
    return context


def button_of(action: PanelAction, request: HttpRequest) -> Button:
    """The button with its reason where this person, or the present state, does not allow it."""
    address = reverse("admin:panel_action", args=[action.slug])
    if not may_use(action, request.user):
        return Button(action, address, _("Your account may not do this."))
    return Button(action, address, action.blocked())
