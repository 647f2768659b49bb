"""The switch of the autopilot: a field of the loop's settings, each change kept with who and why."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User

from telemetry import loop_settings
from telemetry.models import LoopSettings


def is_paused() -> bool:
    """Whether staff paused the nights."""
    return loop_settings.current().paused


def set_paused(paused: bool, *, by: User, reason: str) -> None:
    """Pause or resume."""
    tenant = settings.PRIMARY_TENANT_ID
    chosen = LoopSettings.objects.filter(tenant=tenant).first() or LoopSettings(tenant=tenant)
    chosen.paused = paused
    chosen._history_user, chosen._change_reason = by, reason[:100]  # type: ignore[attr-defined]  # read by the history
    chosen.save()
