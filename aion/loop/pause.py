"""The switch of the autopilot: a field of the loop's settings, each change kept with who and why."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User


def is_paused() -> bool:
    """Whether staff paused the nights."""
    rows = _rows()
    return rows is not None and bool(rows.filter(paused=True).exists())


def set_paused(paused: bool, *, by: User, reason: str) -> None:
    """Pause or resume."""
    rows: Any = _rows()
    chosen = rows.first() or rows.model(tenant=settings.PRIMARY_TENANT_ID)
    chosen.paused = paused
    chosen._history_user, chosen._change_reason = by, reason[:100]
    chosen.save()


def _rows() -> Any:
    model: Any = apps.all_models["telemetry"].get("loopsettings")  # None until piece C is merged; then import it
    return None if model is None else model.objects.filter(tenant=settings.PRIMARY_TENANT_ID)
