"""What is told of an alarm: one body for every way, fixed when it is written, in the installation's language.

docs/alarms.md shows it with an example; a field may be added, none changes its meaning.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import override

from telemetry.alarms import wording
from telemetry.models import Alarm, AlarmDelivery, AlarmSeverity

Notice = AlarmDelivery.Notice


def body_of(alarm: Alarm, notice: AlarmDelivery.Notice, *, at: datetime) -> dict[str, Any]:
    """The JSON object that a webhook gets, and of which an e-mail is made."""
    with override(settings.LANGUAGE_CODE):
        return {
            "type": f"alarm.{notice}",
            "timestamp": at.isoformat(),
            "data": {
                "id": str(alarm.pk),
                "tenant": alarm.tenant,
                "key": alarm.key,
                "kind": str(alarm.kind),
                "severity": str(alarm.severity),
                "code": alarm.code,
                "values": alarm.values,
                "title": str(alarm.get_kind_display()),
                "sentence": wording.sentence(alarm),
                "what_to_do": wording.what_to_do(alarm),
                "link": f"{settings.AION_PUBLIC_URL}/admin/telemetry/alarm/{alarm.pk}/change/",
                "opened_at": alarm.opened_at.isoformat(),
                "last_seen_at": alarm.last_seen_at.isoformat(),
                "closed_at": alarm.closed_at.isoformat() if alarm.closed_at else None,
                "count": alarm.count,
            },
        }


def test_body(*, tenant: str, at: datetime) -> dict[str, Any]:
    """Of the same shape, about nothing."""
    with override(settings.LANGUAGE_CODE):
        return {
            "type": "alarm.test",
            "timestamp": at.isoformat(),
            "data": {
                "id": None,
                "tenant": tenant,
                "key": "test",
                "kind": "test",
                "severity": str(AlarmSeverity.WARNING),
                "code": "test",
                "values": {},
                "title": _("test notice"),
                "sentence": _("If you can read this, alarms of AION arrive here."),
                "what_to_do": _("Nothing: somebody pressed the test button in the panel."),
                "link": f"{settings.AION_PUBLIC_URL}/admin/telemetry/alarmchannel/",
                "opened_at": at.isoformat(),
                "last_seen_at": at.isoformat(),
                "closed_at": None,
                "count": 1,
            },
        }


def subject_of(body: dict[str, Any]) -> str:
    """All that matters, in one line of an inbox."""
    about = body["data"]
    said = f"{about['title']}: {about['sentence']}"
    kind = body["type"].removeprefix("alarm.")
    marks = {
        Notice.RESOLVED: _("Over"),
        Notice.TEST: _("Test"),
        Notice.REMINDER: _("Still open"),
        Notice.ESCALATED: _("Got worse"),
    }
    severity = str(AlarmSeverity(about["severity"]).label).capitalize()
    subject = f"[AION] {marks.get(kind, severity)} · {said[:1].upper()}{said[1:]}"
    subject = " ".join(subject.split())
    return subject if len(subject) <= 150 else f"{subject[:149]}…"
