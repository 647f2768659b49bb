"""What the panel's buttons about adapters do, why each may be blocked, and what it would change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget

from aion.exceptions import ActionFailed
from aion.lights import served_in_words, wished_in_words
from chat.screens import Change
from inference import adapters
from inference.engine import EngineState
from inference.exceptions import InferenceError
from inference.models import Adapter
from inference.serving import engine_status

CONFIGURED_FOLDER = "folder"


class LoadAdapterForm(forms.Form):
    adapter = forms.ChoiceField(label=gettext_lazy("Adapter to serve"), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        registered = [(str(row.pk), str(row)) for row in Adapter.objects.exclude(state=Adapter.State.REJECTED)]
        configured = (CONFIGURED_FOLDER, _("the one in the configured folder (AION_ADAPTER_DIR)"))
        self.fields["adapter"].choices = [configured, *registered]  # type: ignore[attr-defined]  # a ChoiceField


def load_adapter(values: Mapping[str, Any], by: User) -> str:
    chosen = None if values["adapter"] == CONFIGURED_FOLDER else int(values["adapter"])
    _swap(lambda: adapters.reload_adapter(chosen, by=by))
    return _("Now serving: %(what)s.") % {"what": served_in_words(engine_status())}


def merge_adapter(values: Mapping[str, Any], by: User) -> str:
    _swap(lambda: adapters.merge_adapter(by=by))
    return _("The adapter is merged. Now serving: %(what)s.") % {"what": served_in_words(engine_status())}


def roll_back(values: Mapping[str, Any], by: User) -> str:
    _swap(lambda: adapters.rollback_adapter(by=by))
    return _("Went back. Now serving: %(what)s.") % {"what": served_in_words(engine_status())}


def unload_adapter(values: Mapping[str, Any], by: User) -> str:
    _swap(lambda: adapters.unload_adapter(by=by))
    return _("The adapter is unloaded. Now serving: %(what)s.") % {"what": served_in_words(engine_status())}


def unmerge_adapter(values: Mapping[str, Any], by: User) -> str:
    _swap(lambda: adapters.unmerge_adapter(by=by))
    return _("The merge is undone. Now serving: %(what)s.") % {"what": served_in_words(engine_status())}


def adapter_changes(form: forms.Form) -> Sequence[Change]:
    """By its name where the button of one adapter led here."""
    chosen = str(form["adapter"].value() or "")
    adapter = Adapter.objects.filter(pk=int(chosen)).first() if chosen.isdecimal() and len(chosen) < 18 else None
    return [(_("Adapter"), served_in_words(engine_status()), str(adapter or _("the one chosen below")))]


def unloading_changes(form: forms.Form) -> Sequence[Change]:
    return [(_("What serves"), served_in_words(engine_status()), _("the base model alone"))]


def unmerging_changes(form: forms.Form) -> Sequence[Change]:
    status = engine_status()
    return [(_("What serves"), served_in_words(status), served_in_words(replace(status, merged=False)))]


def merging_changes(form: forms.Form) -> Sequence[Change]:
    status = engine_status()
    merged = replace(status, merged=True)
    return [(_("What serves"), served_in_words(status), served_in_words(merged))]


def rollback_changes(form: forms.Form) -> Sequence[Change]:
    previous = adapters.previous_state()
    before = wished_in_words(previous) if previous else _("what served before")
    return [(_("What serves"), served_in_words(engine_status()), before)]


def rolling_back_blocked() -> str:
    if adapters.previous_state() is None:
        return _("Nothing else has served before.")
    return swapping_blocked()


def swapping_blocked() -> str:
    state = engine_status().state
    if state is EngineState.SWAPPING:
        return _("Another change is being made; wait until it is done.")
    return "" if state is EngineState.READY else _("No model is loaded in this process.")


def merging_blocked() -> str:
    status = engine_status()
    if status.merged:
        return _("The adapter is merged already.")
    if not status.adapter_digest:
        return _("No adapter is loaded.")
    return swapping_blocked()


def unmerging_blocked() -> str:
    return swapping_blocked() if engine_status().merged else _("No adapter is merged.")


def unloading_blocked() -> str:
    return swapping_blocked() if engine_status().adapter_digest else _("No adapter is loaded.")


def _swap(operation: Callable[[], object]) -> None:
    try:
        operation()
    except InferenceError as exc:
        raise ActionFailed(_("The adapter was not changed: %(why)s") % {"why": exc}) from exc
