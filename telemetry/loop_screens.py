"""Screens of the learning loop: its settings, and the training sets made. Screens only."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin
from unfold.decorators import display

from telemetry.models import LoopSettings, TrainingRow, TrainingSet
from telemetry.screens import ReadOnlyAdmin
from telemetry.training_sets import Exclusion

PROFILE = ("epochs", "learning_rate", "rank", "batch_size", "max_length")


@admin.register(LoopSettings)
class LoopSettingsAdmin(SimpleHistoryAdmin, ModelAdmin):
    """One row a tenant: while there is none the defaults hold, and it can be added once. So its list is its form."""

    fieldsets = (
        (None, {"fields": ("paused", "min_new_rows")}),
        (_("What it learns from"), {"fields": ("include_provider", "refusal_share")}),
        (_("How it trains"), {"fields": PROFILE}),
    )
    history_list_display = ("paused", "min_new_rows", "include_provider", "refusal_share")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LoopSettings]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not self.get_queryset(request).exists()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: LoopSettings, form: Any, change: bool) -> None:
        obj.tenant = settings.PRIMARY_TENANT_ID
        super().save_model(request, obj, form, change)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        row = self.get_queryset(request).first()
        if row is not None and self.has_view_or_change_permission(request, row):
            return redirect("admin:telemetry_loopsettings_change", row.pk)
        if self.has_add_permission(request):
            return redirect("admin:telemetry_loopsettings_add")
        return super().changelist_view(request, extra_context)


@admin.register(TrainingSet)
class TrainingSetAdmin(ReadOnlyAdmin):
    """What could be learnt from each time, what was left out, and whether it may still be trained on."""

    list_display = ("created_at", "state", "rows", "origins", "left_out")
    fields = ("created_at", "state", "rows", "origins", "path", "sha256", "tainted_at", "taint_reason", "reasons")
    readonly_fields = ("state", "origins", "reasons")

    def get_queryset(self, request: HttpRequest) -> QuerySet[TrainingSet]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    @display(description=_("state"), label={"fit": "success", "empty": "info", "tainted": "danger"})
    def state(self, row: TrainingSet) -> tuple[str, str]:
        if row.tainted_at is not None:
            return "tainted", gettext("not to be used any more")
        return ("fit", gettext("fit for training")) if row.rows else ("empty", gettext("empty"))

    @display(description=_("from"))
    def origins(self, row: TrainingSet) -> str:
        labels = dict(TrainingRow.Origin.choices)
        counted = row.manifest.get("origins", {}).items()
        return "; ".join(f"{labels.get(origin, origin)}: {count}" for origin, count in counted) or "—"

    @display(description=_("left out"))
    def left_out(self, row: TrainingSet) -> int:
        return sum(each["rows"] for each in row.manifest.get("excluded", {}).values())

    @display(description=_("left out"))
    def reasons(self, row: TrainingSet) -> SafeString | str:
        labels = dict(Exclusion.choices)
        excluded = row.manifest.get("excluded", {})
        lines = ((labels.get(reason, reason), each["rows"]) for reason, each in excluded.items())
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: {}</li>", lines)) if excluded else "—"
