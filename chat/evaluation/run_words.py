"""Evaluations as people read them: why one began, what changed between two, how a set stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from chat.evaluation import wording
from chat.evaluation.conditions import SETTINGS, Conditions, changed
from chat.models import EvaluationRun
from chat.screens import Change, label, shown
from telemetry.screens import name_of

PARTS: Mapping[str, Promise] = {
    "adapter": gettext_lazy("the adapter"),
    "model": gettext_lazy("the model"),
    "embedder": gettext_lazy("the embedder"),
    "settings": gettext_lazy("the settings"),
    "calibration": gettext_lazy("the calibration"),
    "corpus": gettext_lazy("the documents"),
    "golden": gettext_lazy("the golden questions"),
    "version": gettext_lazy("AION itself"),
}
MEASURES: Mapping[str, Promise] = {
    "right": gettext_lazy("Answered rightly"),
    "f1": gettext_lazy("Token F1"),
    "contains": gettext_lazy("Hold the expected answer"),
    "found": gettext_lazy("Right passage among the 8 (R@8)"),
}


def set_in_words(name: str) -> str:
    return name or pgettext("golden questions", "without a set")


def cause_in_words(row: EvaluationRun, before: EvaluationRun | None) -> str:
    """Why it began; `before` is the run that it is compared with."""
    if row.cause == EvaluationRun.Cause.BUTTON:
        person = name_of(row.by_id)
        return _("asked for by %(person)s") % {"person": person} if person else _("asked for")
    if row.cause == EvaluationRun.Cause.NIGHT or before is None:
        return str(row.get_cause_display())
    before_then, now = Conditions.of(before.conditions), Conditions.of(row.conditions)
    parts = changed(before_then, now)
    if parts == ("adapter",) and now.adapter:
        return _("after the adapter changed to %(adapter)s") % {"adapter": now.adapter}
    named = ", ".join(str(PARTS[part]) for part in parts)
    return _("after a change of: %(parts)s") % {"parts": named} if parts else _("after a change that was taken back")


def changes_in_words(before: Conditions, after: Conditions) -> list[Change]:
    """What, before and after, of all that answers differently."""
    pairs = {part: (_shown(part, before), _shown(part, after)) for part in changed(before, after) if part != "settings"}
    found = [(str(PARTS[part]), one, other) for part, (one, other) in pairs.items()]
    found += [
        (label(name), _setting(name, before), _setting(name, after))
        for name in SETTINGS
        if before.settings.get(name) != after.settings.get(name)
    ]
    return found


def standing_in_words(one: Mapping[str, Any]) -> dict[str, Any]:
    """How a set stands, for a table; `why` is what alarms, "" where nothing does."""
    bounds = None if one["low"] is None else [one["low"], one["high"]]
    why = {
        "": "",
        "floor": _("below its floor"),
        "worse": _("significantly worse than in the last runs"),
    }[one["alarm"]]
    return {
        "name": set_in_words(one["name"]),
        "n": one["n"],
        "share": wording.share(one["share"]),
        "interval": wording.interval(bounds, percent=True) if bounds else "—",
        "floor": "—" if one["floor"] is None else wording.share(one["floor"]),
        "usual": "—" if one["usual"] is None else f"{wording.share(one['usual'])}, n {one['paired']}",
        "why": why,
    }


def failing_in_words(sets: Sequence[Mapping[str, Any]]) -> str:
    """The sets that alarm, in one sentence; "" where none does."""
    failing = [one for one in map(standing_in_words, sets) if one["why"]]
    said = "; ".join(f"{one['name']}: {one['share']} ({one['why']})" for one in failing)
    return ngettext("A set fails - %(said)s.", "Sets fail - %(said)s.", len(failing)) % {"said": said} if said else ""


def _setting(name: str, conditions: Conditions) -> str:
    return shown(name, conditions.settings.get(name))


def _shown(part: str, conditions: Conditions) -> str:
    """One part; digests say only whether something is the same, so that they are not shown."""
    if part == "adapter":
        said = conditions.adapter or _("none chosen here")
        return _("%(adapter)s, merged") % {"adapter": said} if conditions.merged else said
    if part == "corpus":
        values = {"documents": conditions.documents, "chunks": conditions.chunks}
        return _("%(documents)d documents, %(chunks)d passages") % values
    if part == "calibration":
        return f"#{conditions.calibration}" if conditions.calibration else _("the one that AION brings")
    if part == "embedder":
        return f"{conditions.embedder} (#{conditions.generation})" if conditions.generation else conditions.embedder
    if part == "model":
        return " + ".join(filter(None, (conditions.model, conditions.reranker)))
    if part == "golden":
        return _("fingerprint %(digest)s") % {"digest": conditions.golden[:8]}
    return conditions.version
