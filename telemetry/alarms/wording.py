"""Alarms and what became of their notices, as people read them. Values are written by the end of their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from telemetry.alarms.kinds import WORDINGS
from telemetry.exceptions import NotDelivered
from telemetry.models import Alarm, AlarmChannel, AlarmKind, scope_in_words

UNITS: Mapping[str, Callable[[Any], str]] = {
    "bytes": lambda value: filesizeformat(value).replace("\xa0", " "),
    "share": lambda value: f"{number_format(round(100 * value, 1), 1)} %",
    "usd": lambda value: f"US$ {number_format(round(value, 2), 2)}",
    "count": lambda value: number_format(value, 0, force_grouping=True),
    "ndcg": lambda value: number_format(round(value, 3), 3),
    "limit": lambda value: number_format(round(value, 3), 3),
    "at": lambda value: date_format(timezone.localtime(datetime.fromisoformat(value)), "SHORT_DATETIME_FORMAT"),
}


def sentence(alarm: Alarm) -> str:
    """What is wrong, in one line."""
    sentences = WORDINGS[AlarmKind(alarm.kind)].sentences
    template = str(sentences.get(alarm.code) or next(iter(sentences.values())))
    return " ".join((template % _Shown(alarm.values)).split())


def what_to_do(alarm: Alarm) -> str:
    return str(WORDINGS[AlarmKind(alarm.kind)].what_to_do)


class _Shown(dict[str, Any]):
    """Values as they are written; one that is missing is a dash, since another version may have stored it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        if "group" in values:
            self["whom"] = scope_in_words(values["group"], values["keyId"], values["keyName"])

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        write = UNITS.get(name.rpartition("_")[2])
        return "—" if value is None else write(value) if write else str(value)


def failure_in_words(failure: str, detail: str = "") -> str:
    """Why a notice did not arrive, and what would mend it; "" where it did."""
    reasons = {
        NotDelivered.NO_EMAIL: _("No e-mail server is set: whoever runs AION sets EMAIL_URL."),
        NotDelivered.MAIL: _("The e-mail server did not take it: %(detail)s"),
        NotDelivered.STATUS: _("The receiver answered with an error: %(detail)s"),
        NotDelivered.REDIRECT: _(
            "The receiver redirects (%(detail)s); AION follows no redirect: enter the final address."
        ),
        NotDelivered.GONE: _("The receiver says that it is gone for good (410)."),
        NotDelivered.SLOW: _("The receiver did not answer in time."),
        NotDelivered.UNREACHABLE: _("The receiver cannot be reached: %(detail)s"),
        NotDelivered.NOT_ALLOWED: _(
            "The address is not on the public Internet, or not by https. Whoever runs AION can allow a network of its "
            "own by AION_WEBHOOK_NETWORKS."
        ),
        NotDelivered.SECRET: _(
            "Its secret cannot be read any more, since SECRET_KEY changed: delete it and add it anew."
        ),
        NotDelivered.OFF: _("The destination was switched off."),
    }
    return reasons.get(failure, failure) % {"detail": detail or "—"} if failure else ""


def address_in_html(channel: AlarmChannel) -> SafeString:
    """That fits a narrow list, however long it is."""
    return format_html('<span class="aion-address aion-clamp">{}</span>', channel.address)


def channel_in_words(channel: AlarmChannel) -> str:
    return f"{channel.get_way_display()}: {channel.address}"
