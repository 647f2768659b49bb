"""What a night found and decided, as people read it. Nights keep codes with values; the words are the reader's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from aion.loop.decision import Code

STEP_NAMES: Mapping[str, Promise] = {
    "export": gettext_lazy("Export of the recent answers"),
    "decide": gettext_lazy("Decision"),
    "build": gettext_lazy("Training set"),
    "train": gettext_lazy("Training"),
    "examine": gettext_lazy("Examination"),
    "promote": gettext_lazy("Promotion"),
    "refit": gettext_lazy("Confidence fitted again"),
}

DECISIONS: Mapping[str, tuple[str, Promise]] = {
    Code.TRAIN: ("success", gettext_lazy("train")),
    Code.TRAIN_EAGERLY: ("success", gettext_lazy("train earlier than usual")),
    Code.TRAIN_CLEAN: ("warning", gettext_lazy("train anew, without erased data")),
    Code.RESUME: ("success", gettext_lazy("go on where it stopped")),
    Code.WAIT: ("info", gettext_lazy("wait")),
    Code.PAUSED: ("info", gettext_lazy("paused")),
    Code.BUSY: ("info", gettext_lazy("another training is running")),
    Code.ELSEWHERE: ("info", gettext_lazy("another server has the model")),
    Code.NO_ROOM: ("danger", gettext_lazy("no room on the disk")),
    Code.RETRIEVAL_LOW: ("danger", gettext_lazy("improve the search first")),
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A fact beside its limit: places in percent of the bar's width; `good` None where nothing is judged."""

    title: str
    value: str
    limit: str
    filled: float
    mark: float | None
    good: bool | None


def decision_in_words(code: str) -> tuple[str, Any]:
    """Unfold's colour and the words of a decision."""
    return DECISIONS.get(code, ("info", code or "—"))


def reason_in_words(reason: Mapping[str, Any]) -> str:
    """One sentence of a reason kept as `{"code", "values"}`."""
    values = reason["values"]
    sentence = _sentence(reason["code"], values)
    return sentence % _shown(values) if sentence else str(reason["code"])


def _sentence(code: str, values: Mapping[str, Any]) -> str:
    if code in ("too_few_rows", "enough_rows", "first_training"):
        return _rows_sentence(code, int(values["rows"]))
    if code == "retrieval_low":
        return _retrieval_sentence(str(values["source"]))
    return {
        "paused": _("The autopilot is paused. “Resume the autopilot” on the panel lets it work again."),
        "busy": _("Another training is running; this night leaves it the machine."),
        "elsewhere": _(
            "Another server has the model (AION_LOCAL_LLM_URL), and nothing can be examined there beside those who "
            "ask: train where AION has the model itself, and add the adapter here."
        ),
        "no_room": _(
            "The disk has %(free)s free; a training needs %(needed)s. Free some room and run the night again."
        ),
        "unfinished": _("The night before was cut short; what it had made is taken up."),
        "tainted": _("What serves learned from someone whose data was erased, so it is trained anew without it."),
        "still_tainted": _(
            "What serves learned from erased data, and the one trained without it was worse. "
            "Look at its examination and promote it by hand, or unload the adapter."
        ),
        "fallback_high": _("In seven days %(share)s of the questions went to the paid API; the limit is %(limit)s."),
        "retrieval_unknown": _(
            "How good the search is could not be measured: %(count)s questions of known source, of %(needed)s needed. "
            "Golden questions or feedback on the sources supply them."
        ),
        "drift": _(
            "People ask otherwise than when the confidence was fitted (%(signal)s moved by %(distance)s). "
            "“Recalibrate” may help."
        ),
    }.get(code, "")


def _rows_sentence(code: str, rows: int) -> str:
    if code == "too_few_rows":
        return ngettext(
            "%(rows)s newly reviewed answer, of %(needed)s needed. More under Reviews.",
            "%(rows)s newly reviewed answers, of %(needed)s needed. More under Reviews.",
            rows,
        )
    if code == "first_training":
        return _("%(rows)s reviewed answers, and nothing was ever trained on them; %(needed)s are enough.")
    return _("%(rows)s newly reviewed answers; %(needed)s are enough.")


def _retrieval_sentence(source: str) -> str:
    if source == "golden":
        return _(
            "The search finds too little: nDCG %(ndcg)s on %(count)s golden questions; the limit is %(limit)s. "
            "Nothing is trained until the documents or the search settings are better."
        )
    return _(
        "The search finds too little: nDCG %(ndcg)s on %(count)s judged questions; the limit is %(limit)s. "
        "Nothing is trained until the documents or the search settings are better."
    )


def _shown(values: Mapping[str, Any]) -> dict[str, str]:
    is_share = "share" in values
    return {name: _value(name, value, is_share=is_share) for name, value in values.items()}


def _value(name: str, value: Any, *, is_share: bool) -> str:
    if name in ("free",) or (name == "needed" and value > 1_000_000):
        return filesizeformat(value)
    if name == "share" or (name == "limit" and is_share):
        return percent(value)
    if isinstance(value, float):
        return number_format(value, 2)
    return number_format(value) if isinstance(value, int) else str(value)


def bars(facts: Mapping[str, Any]) -> list[Bar]:
    """The facts of a night that have limits; `facts` as a night keeps them, with its `policy`."""
    limits = facts["policy"]
    shares = [
        _upper(_("Sent to the paid API, 7 days"), facts["fallback_share"], limits["tau_fallback"], facts["asked"]),
        _lower(_("Search, golden questions"), facts["ndcg_golden"], limits["tau_ndcg"]),
        _lower(_("Search, judged questions"), facts["ndcg_judged"], limits["tau_ndcg"]),
    ]
    rows, needed = facts["new_rows"], limits["min_new_rows"]
    full = max(rows, needed, 1) * 1.25
    reviewed = Bar(
        _("Newly reviewed answers"),
        number_format(rows),
        _("needed: %(count)s") % {"count": number_format(needed)},
        *_places(rows / full, needed / full),
        rows >= needed,
    )
    return [*shares, reviewed, *_drift_bar(facts.get("drift"))]


def _upper(title: str, share: float, limit: float, count: int) -> Bar:
    asked = ngettext("%(count)s question", "%(count)s questions", count) % {"count": number_format(count)}
    at_most = _("at most %(limit)s") % {"limit": percent(limit)}
    value = f"{percent(share)} ({asked})" if count else _("nobody asked")
    return Bar(title, value, at_most, *_places(share, limit), share <= limit if count else None)


def _lower(title: str, measured: Mapping[str, Any], limit: float) -> Bar:
    count, value = measured["count"], measured["value"]
    at_least = _("at least %(limit)s") % {"limit": number_format(limit, 2)}
    if value is None:
        return Bar(title, _("not measured"), at_least, 0, round(100 * limit, 1), None)
    asked = ngettext("%(count)s question", "%(count)s questions", count) % {"count": number_format(count)}
    return Bar(title, f"{number_format(value, 2)} ({asked})", at_least, *_places(value, limit), value >= limit)


def _drift_bar(drift: Mapping[str, Any] | None) -> list[Bar]:
    from aion.loop.drift import LARGE

    if drift is None:
        return []
    at_most = _("at most %(limit)s") % {"limit": number_format(LARGE, 2)}
    value = f"{number_format(drift['distance'], 2)} ({drift['signal']})"
    return [
        Bar(_("Change in what is asked"), value, at_most, *_places(drift["distance"], LARGE), not drift["is_large"])
    ]


def _places(value: float, limit: float) -> tuple[float, float]:
    return round(100 * min(value, 1.0), 1), round(100 * min(limit, 1.0), 1)


def percent(share: float) -> str:
    return f"{number_format(round(100 * share))}\N{NO-BREAK SPACE}%"
