"""The notice that the paid API is forced for every question: until when, and where that is stopped."""

from __future__ import annotations

import math
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User
from django.urls import reverse
from django.utils import timezone

from chat import control, wording
from chat.permissions import SWITCH_FORCING


@dataclass(frozen=True, slots=True)
class ForcingBanner:
    """`until` as people say it; after `seconds_left` the page takes the notice away; `stop` is "" for who may not."""

    until: str
    seconds_left: int
    stop: str


def forcing_banner(person: User | AnonymousUser) -> ForcingBanner | None:
    """What staff see while the timed switch is on; None for others and as soon as it is off."""
    if not person.is_staff:
        return None
    until = control.current().forced_fallback_until
    if until is None or until <= timezone.now():
        return None
    stop = reverse("admin:panel_action", args=["stop-forcing"]) if person.has_perms(SWITCH_FORCING) else ""
    return ForcingBanner(wording.until(until), math.ceil((until - timezone.now()).total_seconds()), stop)
