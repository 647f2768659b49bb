"""The lights of the learning loop: the last night, and the watch over what was promoted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from aion.light import Level, Light
from aion.loop.decision import Code
from aion.loop.pause import is_paused
from aion.loop.words import STEP_NAMES, decision_in_words, percent, reason_in_words
from inference.adapters import desired_state
from telemetry.events import EventKind
from telemetry.models import Event, Night
from telemetry.partitions import lowest_id

TOLD_FOR = timedelta(days=14)
WATCH_ALARMS = ("doubtful", "rolled_back", "rollback_failed")
ALARMING = (Code.NO_ROOM, Code.RETRIEVAL_LOW)


def nights_light() -> Light:
    title, link, text = _("Nightly learning"), reverse("admin:telemetry_night_changelist"), _("Nights")
    if is_paused():
        return Light(title, Level.AMBER, _("Paused: nothing is trained until somebody resumes it."), link, text)
    night = last_night()
    if night is None:
        return Light(title, Level.GREEN, _("There was no night yet; it runs by itself."), link, text)
    level, sentence = _of_night(night)
    if level is Level.GREEN and _serves_erased_data():
        level, sentence = _of_erased(night)
    return Light(title, level, sentence, reverse("admin:telemetry_night_change", args=[night.pk]), _("Last night"))


def last_night() -> Night | None:
    """The last one that was no dry run."""
    return Night.objects.filter(tenant=settings.PRIMARY_TENANT_ID, dry_run=False).first()


def last_step(night: Night) -> tuple[str, str]:
    """How far a night came, in words, and what that step said."""
    last = night.steps[-1] if night.steps else {"step": "", "said": ""}
    return str(STEP_NAMES.get(last["step"], last["step"])), last["said"]


def _of_night(night: Night) -> tuple[Level, str]:
    step, said = last_step(night)
    if night.state == Night.State.FAILED:
        return Level.RED, _("It failed at “%(step)s”: %(why)s") % {"step": step, "why": said}
    if night.state == Night.State.INTERRUPTED:
        return Level.AMBER, _("It was cut short at “%(step)s”; the next night goes on from there.") % {"step": step}
    if night.state == Night.State.RUNNING:
        return Level.GREEN, _("At work: %(step)s.") % {"step": step}
    if night.decision in ALARMING:
        return Level.RED, " ".join(reason_in_words(reason) for reason in night.reasons[:1])
    values = {"decision": decision_in_words(night.decision)[1], "when": timesince(night.started_at)}
    return Level.GREEN, _("%(when)s ago: %(decision)s.") % values


def _of_erased(night: Night) -> tuple[Level, str]:
    tried = bool(night.examination_id) and night.facts.get("champion_tainted")
    if tried or any(reason["code"] == "still_tainted" for reason in night.reasons):
        return Level.RED, reason_in_words({"code": "still_tainted", "values": {}})
    return Level.AMBER, _("What serves learned from erased data; the next night trains it anew.")


def _serves_erased_data() -> bool:
    wish = desired_state()
    return wish is not None and wish.adapter is not None and wish.adapter.tainted_at is not None


def watch_light() -> Light:
    title, link, text = _("Watch after a promotion"), reverse("admin:inference_adapter_changelist"), _("Adapters")
    told = last_watch_event(timezone.now())
    if told is None:
        return Light(title, Level.GREEN, _("Nothing got worse in the last 14 days."), link, text)
    level = Level.AMBER if told.meta["alarm"] == "doubtful" else Level.RED
    return Light(title, level, alarm_in_words(told.meta), link, text)


def last_watch_event(now: datetime) -> Event | None:
    """The last that the watch told of, for as long as it matters."""
    return Event.objects.filter(
        tenant=settings.PRIMARY_TENANT_ID,
        kind=EventKind.LOOP,
        id__gte=lowest_id(now - TOLD_FOR),
        meta__alarm__in=WATCH_ALARMS,
    ).first()


def alarm_in_words(meta: dict[str, Any]) -> str:
    """What the watch saw and did, from its event."""
    if "finding" not in meta:
        return _("A night needs attention.")
    found = meta["finding"]
    values = {
        "adapter": meta["adapter"],
        "before": percent(found["before"]),
        "since": percent(found["since"]),
        "count": number_format(found["count"]),
    }
    seen = {
        "errors": _("Since %(adapter)s serves, %(since)s of %(count)s answers failed; before it was %(before)s."),
        "unsupported": _(
            "Since %(adapter)s serves, %(since)s of %(count)s answers did not pass the check against the documents; "
            "before it was %(before)s."
        ),
        "disliked": _(
            "Since %(adapter)s serves, %(since)s of %(count)s judged answers were found bad; before it was %(before)s."
        ),
    }[found["signal"]]
    done = {
        "doubtful": _("Look at the latest answers, and go back by the button if they are worse."),
        "rolled_back": _("AION went back to what served before."),
        "rollback_failed": _("AION could not go back by itself: do it by the button, or unload the adapter."),
    }[meta["alarm"]]
    return f"{seen % values} {done}"
