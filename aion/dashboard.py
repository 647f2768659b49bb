"""The first page of the panel: lights, tau, buttons, and what was asked. Gathers values; the template shows them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from aion.lights import lights
from aion.loop.pause import is_paused
from aion.panel_actions import ACTIONS, PanelAction, TauForm, may_use
from chat import control
from chat.groups_screen import in_words
from inference.serving import engine_status
from telemetry import metrics
from telemetry.metrics import DayRoutes
from telemetry.rollups import reading
from telemetry.rollups.reading import Heatmap, Range

DAYS = 14
HEATMAP_DOCUMENTS = 12
HEAT_STEPS = 4
CHART_OPTIONS = {
    "animation": False,
    "maintainAspectRatio": False,
    "plugins": {"legend": {"display": True, "position": "bottom", "labels": {"boxWidth": 12, "color": "#6b7280"}}},
    "scales": {
        "x": {"stacked": True, "grid": {"display": False}, "ticks": {"color": "#6b7280"}},
        "y": {"stacked": True, "beginAtZero": True, "grid": {}, "ticks": {"precision": 0, "color": "#6b7280"}},
    },
}


@dataclass(frozen=True, slots=True)
class Button:
    """A button as one person sees it; `why_not` says why it is disabled."""

    action: PanelAction
    address: str
    why_not: str


def first_page(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's hook: what `templates/admin/index.html` shows."""
    tenant = settings.PRIMARY_TENANT_ID
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
        "routes": routes_chart(metrics.routes_by_day(tenant, DAYS)),
        "heatmap": heat_table(reading.heatmap(tenant, Range.of_last(DAYS), documents=HEATMAP_DOCUMENTS)),
        "days": DAYS,
    }
    return context


def button_of(action: PanelAction, request: HttpRequest) -> Button:
    """The button with its reason where this person, or the present state, does not allow it."""
    address = reverse("admin:panel_action", args=[action.slug])
    if not may_use(action, request.user):
        return Button(action, address, _("Your account may not do this."))
    return Button(action, address, action.blocked())


@dataclass(frozen=True, slots=True)
class RoutesChart:
    """Answers by day and route: as Chart.js takes them, and as rows of a table."""

    data: str
    options: str
    names: tuple[str, ...]
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    total: int


def routes_chart(days: Sequence[DayRoutes]) -> RoutesChart:
    """A stacked bar a day."""
    series = (
        (_("local"), "#0f766e", [day.local for day in days]),
        (_("paid API"), "#2563eb", [day.fallback for day in days]),
        (_("not found"), "#d97706", [day.abstain for day in days]),
        (_("failed"), "#dc2626", [day.failed for day in days]),
    )
    labels = [_short(day.day) for day in days]
    data = {
        "labels": labels,
        "datasets": [{"label": name, "backgroundColor": colour, "data": counts} for name, colour, counts in series],
    }
    return RoutesChart(
        data=json.dumps(data),
        options=json.dumps(CHART_OPTIONS),
        names=tuple(name for name, _colour, _counts in series),
        rows=tuple(zip(labels, zip(*(counts for _name, _colour, counts in series), strict=True), strict=True)),
        total=sum(day.total for day in days),
    )


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One document on one day; `step` is the depth of its colour, 0 for none."""

    count: int
    step: int


@dataclass(frozen=True, slots=True)
class HeatRow:
    title: str
    address: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True, slots=True)
class HeatTable:
    days: tuple[str, ...]
    rows: tuple[HeatRow, ...]


def heat_table(heatmap: Heatmap) -> HeatTable:
    """The heatmap with its colours, each document linked to its page."""
    highest = max((count for row in heatmap.rows for count in row.counts), default=0)
    return HeatTable(
        days=tuple(_short(day) for day in heatmap.days),
        rows=tuple(
            HeatRow(
                title=row.title or str(row.document_id),
                address=reverse("admin:retrieval_document_change", args=[row.document_id]),
                cells=tuple(
                    HeatCell(count, math.ceil(HEAT_STEPS * count / highest) if highest else 0) for count in row.counts
                ),
            )
            for row in heatmap.rows
        ),
    )


def _short(day: date) -> str:
    return f"{day:%d/%m}"
