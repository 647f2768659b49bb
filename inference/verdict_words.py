"""A verdict as people say it: its reasons, its figures and the names of the parts it was looked at by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from inference.verdict import MARGIN

Values = Mapping[str, Any]


def reasons_in_words(reasons: Sequence[Mapping[str, Any]]) -> list[str]:
    """A sentence each, of what `Reason.to_json` wrote."""
    return [_SENTENCES[reason["code"]](reason["values"]) for reason in reasons]


def arms_in_words() -> dict[str, str]:
    """In the order of a table."""
    return {"candidate": _("candidate"), "champion": _("champion"), "base": _("base model alone")}


def figures_in_order() -> dict[str, str]:
    """The names of one model's figures, shares first."""
    return {
        "utility": _("utility"),
        "f1": _("token F1, abstentions as 0"),
        "f1_shown": _("token F1 of what was answered"),
        "contains": _("holds the reference"),
        "exact": _("equals the reference"),
        "grounded": _("passed the check"),
        "cited_right": _("cites the right passage"),
        "refused": _("refused what it should"),
        "portuguese": _("in Portuguese"),
        "latency_ms": _("seconds an answer (median)"),
        "tokens": _("tokens an answer"),
        "leaks": _("private data repeated"),
        "repeats": _("training text recited"),
    }


def figure_in_words(name: str, figure: object) -> str:
    """One figure with its interval, "—" where there is none."""
    if figure is None:
        return "—"
    if isinstance(figure, Mapping):
        return with_interval(figure)
    if name == "latency_ms":
        return number_format(float(str(figure)) / 1000, 1)
    return number_format(float(str(figure)), 1) if name == "tokens" else str(figure)


def with_interval(values: Values) -> str:
    """`0,45 (0,38 a 0,52)`."""
    if values.get("low") is None:
        return _number(values["value"])
    return _("%(value)s (%(low)s to %(high)s)") % {name: _number(values[name]) for name in ("value", "low", "high")}


def figures_in_words(results: Mapping[str, Any]) -> list[str]:
    """Each figure of candidate, champion and base in a line, for a terminal."""
    arms = [arm for arm in arms_in_words() if arm in results.get("arms", {})]
    words = arms_in_words()
    return [
        f"{label}: " + "; ".join(f"{words[arm]} {figure_in_words(name, results['arms'][arm][name])}" for arm in arms)
        for name, label in (figures_in_order().items() if arms else ())
    ]


def slice_in_words(name: str) -> str:
    """`document:a.md` and its like."""
    kind, _colon, value = name.partition(":")
    words = {
        "asked:answerable": pgettext("questions", "answered by the documents"),
        "asked:hidden": _("source hidden"),
        "asked:unanswerable": _("known to have no answer"),
        "question:short": _("short questions"),
        "question:long": _("long questions"),
        "answer:short": _("short answers"),
        "answer:long": _("long answers"),
    }
    if name in words:
        return words[name]
    labels = {"document": _("document: %(value)s"), "kind": _("kind: %(value)s")}
    return labels[kind] % {"value": _kind(value) if kind == "kind" else value} if kind in labels else name


def _kind(value: str) -> str:
    words = {
        "fact": _("fact"),
        "table": _("table"),
        "two_passages": _("two passages"),
        "follow_up": _("follow-up"),
        "steps": pgettext("a kind of question", "steps"),
        "explain": _("explanation"),
    }
    return words.get(value, value)


def _better(values: Values) -> str:
    return _(
        "It is better than who serves: utility %(difference)s on %(questions)d questions about %(documents)d documents "
        "(comparison number %(look)d with this champion, p = %(p)s where at most %(alpha)s would do)."
    ) % {**_compared(values), "questions": values["questions"], "documents": values["documents"]}


def _clean(values: Values) -> str:
    return _(
        "Who serves learned from erased data, and this one did not; it is not worse by more than %(margin)s: "
        "utility %(difference)s on %(questions)d questions about %(documents)d documents."
    ) % {
        "margin": number_format(MARGIN, 2),
        "difference": with_interval(values),
        "questions": values["questions"],
        "documents": values["documents"],
    }


def _not_close(values: Values) -> str:
    return _(
        "Who serves learned from erased data, but this one may be worse than it by more than %(margin)s: "
        "utility %(difference)s."
    ) % {"margin": number_format(values["margin"], 2), "difference": with_interval(values)}


def _not_better(values: Values) -> str:
    return _(
        "The gain is not certain enough: utility %(difference)s, p = %(p)s where at most %(alpha)s would do "
        "(comparison number %(look)d with this champion; each one makes the bar higher)."
    ) % _compared(values)


def _no_gain(values: Values) -> str:
    return _("It is no better than who serves: utility %(difference)s.") % _compared(values)


def _compared(values: Values) -> dict[str, Any]:
    return {
        "difference": with_interval(values),
        "p": number_format(values["p"], 5),
        "alpha": number_format(values["alpha"], 5),
        "look": values["look"],
    }


def _too_small(values: Values) -> str:
    return _(
        "Too few questions to judge by: %(questions)d on %(documents)d documents. Below %(least_questions)d questions "
        "on %(least_documents)d documents nothing is promoted; add golden questions."
    ) % dict(values)


def _slice_worse(values: Values) -> str:
    given = {"slice": slice_in_words(values["slice"]), "difference": with_interval(values)}
    return _("It is worse on a part of the questions (%(slice)s): utility %(difference)s.") % given


def _refusals_worse(values: Values) -> str:
    return _(
        "It invents more: it refuses %(candidate)s of the questions that nothing answers, the champion %(champion)s."
    ) % _shares(values)


def _worse_than_base(values: Values) -> str:
    return _("It is worse than the base model without any adapter (utility %(difference)s).") % {
        "difference": _number(values["difference"])
    }


def _portuguese(values: Values) -> str:
    return _("It does not keep to Portuguese: %(share)s of its answers, where %(least)s is the least.") % _shares(
        values
    )


def _leaks(values: Values) -> str:
    return ngettext(
        "It repeats private data from its training in %(count)d answer.",
        "It repeats private data from its training in %(count)d answers.",
        values["count"],
    ) % {"count": values["count"]}


def _repeats(values: Values) -> str:
    return _("It recites its training in %(share)s of the answers, where %(most)s is the most.") % _shares(values)


def _grounded_worse(values: Values) -> str:
    return _(
        "Fewer of its answers pass the check against the documents: %(candidate)s, the champion %(champion)s."
    ) % _shares(values)


def _slow(values: Values) -> str:
    return _("It is too slow: an answer takes %(ratio)s times as long, where %(most)s is the most.") % {
        name: number_format(values[name], 1) for name in ("ratio", "most")
    }


def _not_loaded(values: Values) -> str:
    return _("It cannot be loaded: %(why)s") % {"why": values["why"]}


def _shares(values: Values) -> dict[str, str]:
    return {name: f"{number_format(100 * value, 1)} %" for name, value in values.items()}


def _number(value: float) -> str:
    return number_format(value, 3)


_SENTENCES: dict[str, Callable[[Values], str]] = {
    "better": _better,
    "clean": _clean,
    "not_close": _not_close,
    "not_better": _not_better,
    "no_gain": _no_gain,
    "too_small": _too_small,
    "slice_worse": _slice_worse,
    "refusals_worse": _refusals_worse,
    "worse_than_base": _worse_than_base,
    "portuguese": _portuguese,
    "leaks": _leaks,
    "repeats": _repeats,
    "grounded_worse": _grounded_worse,
    "slow": _slow,
    "not_loaded": _not_loaded,
}
