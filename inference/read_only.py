"""What the lists of this room have in common: rows are made by work and changed by buttons, never by editing."""

from __future__ import annotations

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

STATE_LABELS = {
    "candidate": "info",
    "champion": "success",
    "retired": "warning",
    "rejected": "danger",
    "pending": "warning",
    "served": "success",
    "preparing": "info",
    "queued": "info",
    "running": "warning",
    "interrupted": "danger",
    "stopped": "info",
    "done": "success",
    "failed": "danger",
    "superseded": "info",
}


class ReadOnlyAdmin(ModelAdmin):
    """Adapters and runs are made by training and changed by the panel's buttons, never by editing a row."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
