"""Screens of the model: adapters (the served one marked), what was asked to serve, live processes, training runs."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from inference.models import Adapter, DesiredState, ProcessReport, TrainingRun

STATE_LABELS = {
    "candidate": "info",
    "champion": "success",
    "retired": "warning",
    "rejected": "danger",
    "pending": "warning",
    "served": "success",
    "running": "warning",
    "done": "success",
    "failed": "danger",
}


class ReadOnlyAdmin(ModelAdmin):
    """Adapters and runs are made by training and changed by the panel's buttons, never by editing a row."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Adapter)
class AdapterAdmin(ReadOnlyAdmin):
    """The registry of adapters."""

    list_display = ("name", "served", "state_label", "short_digest", "base_model", "origin", "size", "created_at")
    list_filter = ("state", "origin")
    search_fields = ("name", "digest")
    list_before_template = "admin/inference/adapter_help.html"
    fields = (
        "name",
        "is_served",
        "state",
        "digest",
        "base_model",
        "base_sha256",
        "rank",
        "size",
        "origin",
        "metrics",
        "created_by",
        "created_at",
    )
    readonly_fields = ("is_served", "size")

    @display(description=_("served now"), label={"serving": "success"})
    def served(self, adapter: Adapter) -> tuple[str, Any] | None:
        return ("serving", _("serving")) if self._is_served(adapter) else None

    @display(description=_("served now"), boolean=True)
    def is_served(self, adapter: Adapter) -> bool:
        return self._is_served(adapter)

    def _is_served(self, adapter: Adapter) -> bool:
        return any(report.is_alive for report in ProcessReport.objects.filter(adapter_digest=adapter.digest))

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, adapter: Adapter) -> tuple[str, str]:
        return adapter.state, adapter.get_state_display()

    @display(description=_("digest"))
    def short_digest(self, adapter: Adapter) -> SafeString:
        return format_html('<code title="{}">{}</code>', adapter.digest, adapter.digest[:12])

    @display(description=_("size"), ordering="size_bytes")
    def size(self, adapter: Adapter) -> str:
        return filesizeformat(adapter.size_bytes)


@admin.register(DesiredState)
class DesiredStateAdmin(ReadOnlyAdmin):
    """What was asked to serve, by whom, and how it went."""

    list_display = ("created_at", "what", "merged", "outcome_label", "reason", "created_by")
    list_filter = ("outcome",)
    list_select_related = ("adapter", "created_by")

    @display(description=_("adapter"))
    def what(self, desired: DesiredState) -> str:
        return str(desired.adapter or _("base model alone"))

    @display(description=_("outcome"), ordering="outcome", label=STATE_LABELS)
    def outcome_label(self, desired: DesiredState) -> tuple[str, str]:
        return desired.outcome, desired.get_outcome_display()


@admin.register(ProcessReport)
class ProcessReportAdmin(ReadOnlyAdmin):
    """What each process really serves."""

    list_display = (
        "process",
        "alive",
        "state",
        "base_model",
        "adapter",
        "merged",
        "device",
        "queue_length",
        "heartbeat_at",
    )

    @display(description=_("alive"), boolean=True)
    def alive(self, report: ProcessReport) -> bool:
        return report.is_alive


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    """The trainings and what came of them."""

    list_display = ("created_at", "state_label", "dataset", "adapter", "finished_at")
    list_filter = ("state",)
    list_select_related = ("adapter",)
    list_before_template = "admin/inference/training_help.html"

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, run: TrainingRun) -> tuple[str, str]:
        return run.state, run.get_state_display()
