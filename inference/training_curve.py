"""A training's progress as people see it: how far, how fast, how long still, and its loss as a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inference.models import TrainingRun

WIDTH, HEIGHT = 600, 200
_LINES = 4
_BADGES = {"running": "aion-blue", "done": "aion-green", "failed": "aion-red", "interrupted": "aion-amber"}

State = TrainingRun.State


@dataclass(frozen=True, slots=True)
class Drawing:
    """Places in a box of `WIDTH` by `HEIGHT`. `axis`: where a line lies, and the loss it stands for."""

    points: str
    axis: list[tuple[int, str]]
    last_loss: str


def shown_state(run: TrainingRun) -> tuple[str, str]:
    """The state as it is, and its name: a run whose process is gone was interrupted."""
    return ("interrupted", _("interrupted")) if run.is_interrupted else (run.state, run.get_state_display())


def view_of(run: TrainingRun) -> dict[str, Any]:
    """What the page shows and, while it runs, asks for every other second."""
    state, label = shown_state(run)
    return {
        "run": run,
        "state": state,
        "label": label,
        "badge": _BADGES.get(state, ""),
        "sentence": _sentence(run, state),
        "speed": number_format(run.tokens / run.seconds, 0) if run.seconds else "",
        "remaining": remaining(run) if state == State.RUNNING else "",
        "drawing": drawing_of(run.curve),
        "width": WIDTH,
        "height": HEIGHT,
        "is_moving": state in (State.PREPARING, State.QUEUED, State.RUNNING),
    }


def drawing_of(curve: list[list[float]]) -> Drawing | None:
    """The loss by step; None until there are two points."""
    if len(curve) < 2:
        return None
    highest = max(loss for _step, loss, _seconds in curve) or 1.0
    first, last = curve[0][0], curve[-1][0]
    points = [
        f"{WIDTH * (step - first) / (last - first):.1f},{HEIGHT * (1 - loss / highest):.1f}"
        for step, loss, _seconds in curve
    ]
    axis = [(HEIGHT * line // _LINES, number_format(highest * (1 - line / _LINES), 2)) for line in range(_LINES + 1)]
    return Drawing(" ".join(points), axis, number_format(curve[-1][1], 3))


def remaining(run: TrainingRun) -> str:
    """In minutes, as fast as it was so far; "" until there is something to go by."""
    if not run.step or not run.seconds:
        return ""
    minutes = round(run.seconds / run.step * (run.steps - run.step) / 60)
    if minutes < 1:
        return _("less than a minute")
    if minutes < 120:
        return ngettext("%(count)d minute", "%(count)d minutes", minutes) % {"count": minutes}
    hours = round(minutes / 60)
    return ngettext("%(count)d hour", "%(count)d hours", hours) % {"count": hours}


def _sentence(run: TrainingRun, state: str) -> str:
    if state == State.RUNNING and run.stop_requested:
        return _("It stops after the step it is at, and keeps what it has learned.")
    if state == State.RUNNING and not run.step:
        return _("The base model is being loaded.")
    return {
        State.PREPARING: _("What people approved or corrected is becoming its training set."),
        State.QUEUED: _("It begins as soon as the worker is free."),
        "interrupted": _("Its process ended unexpectedly. It goes on at AION's next start, or now by the button."),
        State.STOPPED: run.error or _("It was stopped. What it had learned is kept, and it can go on from there."),
        State.FAILED: run.error,
        State.DONE: _("The adapter is a candidate. It does not serve by itself: open it to serve it."),
    }.get(state, "")
