"""The screen of examinations: the verdict with its reasons, the three models side by side, parts and examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from inference import promotion
from inference.examinations import tell_interrupted
from inference.models import Examination
from inference.read_only import STATE_LABELS, ReadOnlyAdmin
from inference.verdict_words import (
    arms_in_words,
    figure_in_words,
    figures_in_order,
    reasons_in_words,
    slice_in_words,
    with_interval,
)

WIDTH, ROW, LABEL = 640, 34, 250  # of the drawing
REACH = 0.5  # of utility, to either side of no difference; what lies beyond is drawn at the edge


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the drawing: a dot with its interval, in pixels; `low` and `high` are "" without one."""

    label: str
    text: str
    questions: int
    worse: bool
    y: int
    dot: str
    low: str
    high: str


@admin.register(Examination)
class ExaminationAdmin(ReadOnlyAdmin):
    """Who was compared with whom, what came of it, and the button against it."""

    list_display = ("created_at", "candidate", "champion", "verdict_label", "state_label", "why")
    list_filter = ("state", "promote")
    list_select_related = ("candidate", "champion")
    list_before_template = "admin/inference/examinations_help.html"
    change_form_template = "admin/inference/examination.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        tell_interrupted()
        return super().changelist_view(request, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        tell_interrupted()
        row: Examination = context["original"]
        row.refresh_from_db()
        return super().render_change_form(request, {**context, **page_of(row)}, *args, **kwargs)

    @display(description=_("verdict"), label={"better": "success", "not_better": "danger", "": "info"})
    def verdict_label(self, row: Examination) -> tuple[str, str]:
        return verdict_in_words(row)

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, row: Examination) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("why"))
    def why(self, row: Examination) -> str:
        said = reasons_in_words(row.reasons)
        more = len(said) - 1
        if more < 1:
            return said[0] if said else row.error or progress_in_words(row)
        return (
            f"{said[0]} {ngettext('And %(count)d more reason.', 'And %(count)d more reasons.', more) % {'count': more}}"
        )


def verdict_in_words(row: Examination) -> tuple[str, str]:
    """A code for the colour, and the words."""
    if row.promote is None:
        return "", gettext("none yet")
    return ("better", gettext("better")) if row.promote else ("not_better", gettext("not better"))


def progress_in_words(row: Examination) -> str:
    return gettext("%(done)d of %(total)d answers written") % {"done": row.done, "total": row.total}


def page_of(row: Examination) -> dict[str, Any]:
    """What the template shows."""
    code, words = verdict_in_words(row)
    results = row.results
    parts = _parts(results.get("verdict", {}).get("slices", ()))
    return {
        "verdict_code": code,
        "verdict_words": words,
        "reasons": reasons_in_words(row.reasons),
        "progress": progress_in_words(row),
        "against": promotion.against(row) if row.state == Examination.State.DONE else "",
        "arms": _names(results),
        "figures": _figures(results),
        "parts": parts,
        "drawing": {"width": WIDTH, "height": ROW * len(parts) + 24, "middle": _x(0), "label": LABEL},
        "examples": _examples(results),
        "counts": {name: results.get(name, 0) for name in ("questions", "refusals", "documents")},
    }


def _names(results: Mapping[str, Any]) -> list[str]:
    return [words for arm, words in arms_in_words().items() if arm in results.get("arms", {})]


def _figures(results: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    arms = [results["arms"][arm] for arm in arms_in_words() if arm in results.get("arms", {})]
    names = figures_in_order().items() if arms else ()
    return [(label, [figure_in_words(name, own.get(name)) for own in arms]) for name, label in names]


def _parts(slices: Sequence[Mapping[str, Any]]) -> list[Part]:
    return [
        Part(
            label=slice_in_words(part["name"]),
            text=with_interval(part),
            questions=part["questions"],
            worse=part["worse"],
            y=ROW * place + 26,
            dot=_x(part["value"]),
            low="" if part["low"] is None else _x(part["low"]),
            high="" if part["high"] is None else _x(part["high"]),
        )
        for place, part in enumerate(slices)
    ]


def _x(difference: float) -> str:
    inside = min(max(difference, -REACH), REACH)
    return f"{LABEL + (WIDTH - LABEL) * (inside + REACH) / (2 * REACH):.1f}"


def _examples(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    words = arms_in_words()
    return [
        {
            **example,
            "answers": [(words[arm], example["answers"][arm]) for arm in words if arm in example["answers"]],
        }
        for example in results.get("examples", ())
    ]
