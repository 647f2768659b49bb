"""The screens of nights: what each decided and why, in words, and how far it came."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from aion.earnings import earned_by, earned_in_words
from aion.loop.words import DECISIONS, STEP_NAMES, bars, decision_in_words, reason_in_words
from inference.models import Adapter
from telemetry.models import Night
from telemetry.screens import ReadOnlyAdmin

STATE_LABELS = {"running": "warning", "done": "success", "failed": "danger", "interrupted": "danger"}
DECISION_LABELS = {str(code): colour for code, (colour, _words) in DECISIONS.items()}
BADGES = {"success": "aion-green", "warning": "aion-amber", "danger": "aion-red", "info": "aion-blue"}
# The page of what a step made: which of a night's ids it is, and the admin page's name.
RESULTS = {
    "build": ("training_set_id", "admin:telemetry_trainingset_change"),
    "train": ("training_run_id", "admin:inference_trainingrun_change"),
    "examine": ("examination_id", "admin:inference_examination_change"),
    "promote": ("adapter_id", "admin:inference_adapter_change"),
}


@admin.register(Night)
class NightAdmin(ReadOnlyAdmin):
    """Read only: nights are run by the schedule and by the panel's buttons."""

    list_display = ("started_at", "decision_label", "why", "state_label", "took")
    list_display_links = ("started_at",)
    list_filter = ("state", "dry_run")
    list_before_template = "admin/telemetry/nights_help.html"
    change_form_template = "admin/telemetry/night.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {**(extra_context or {}), "any_night": Night.objects.exists()})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page of one night shows what it found and did, not fields."""
        night = context["original"]
        colour, words = decision_in_words(night.decision)
        earned = earned_by(night.adapter_id) if night.adapter_id is not None else None
        context |= {
            "title": gettext("Night of %(when)s") % {"when": _moment(night.started_at)},
            "decision": {"colour": BADGES[colour], "words": words},
            "reasons": [reason_in_words(reason) for reason in night.reasons],
            "bars": bars(night.facts) if night.facts else (),
            "steps": [_step(night, step) for step in night.steps],
            "state_colour": BADGES[STATE_LABELS[night.state]],
            "took": self.took(night),
            "earned": earned_in_words(earned) if earned else "",
            "adapter": Adapter.objects.filter(pk=night.adapter_id).first(),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("decision"), ordering="decision", label=DECISION_LABELS)
    def decision_label(self, night: Night) -> tuple[str, Any]:
        words = decision_in_words(night.decision)[1]
        return night.decision, gettext("dry run: %(what)s") % {"what": words} if night.dry_run else words

    @display(description=_("why"))
    def why(self, night: Night) -> SafeString:
        said = " ".join(reason_in_words(reason) for reason in night.reasons)
        return format_html('<span class="aion-clamp">{}</span>', said or "—")

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, night: Night) -> tuple[str, str]:
        return night.state, night.get_state_display()

    @display(description=_("took"))
    def took(self, night: Night) -> str:
        return _lasted(night.started_at, night.finished_at) if night.finished_at else "—"


def _step(night: Night, step: dict[str, Any]) -> dict[str, Any]:
    """One step of the timeline; `link` leads to what it made, where that has a page."""
    begun = datetime.fromisoformat(step["started_at"])
    ended = datetime.fromisoformat(step["finished_at"]) if step["finished_at"] else None
    return {
        "name": STEP_NAMES.get(step["step"], step["step"]),
        "state": step["state"],
        "colour": BADGES[STATE_LABELS[step["state"]]],
        "state_words": Night.State(step["state"]).label,
        "said": step["said"],
        "begun": begun,
        "took": _lasted(begun, ended) if ended else "",
        "link": _result(night, step["step"]),
    }


def _result(night: Night, step: str) -> str:
    field, page = RESULTS.get(step, ("", ""))
    made = getattr(night, field, None) if field else None
    return "" if made is None else reverse(page, args=[made])


def _lasted(begun: datetime, ended: datetime) -> str:
    seconds = (ended - begun).total_seconds()
    if seconds < 60:
        return gettext("%(count)d s") % {"count": round(seconds)}
    return timesince(begun, ended)


def _moment(when: datetime) -> str:
    return date_format(timezone.localtime(when), "SHORT_DATETIME_FORMAT")
