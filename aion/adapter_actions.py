"""What the panel's buttons about adapters do, why each may be blocked, and what it would change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from aion.exceptions import ActionFailed
from aion.lights import served_in_words, wished_in_words
from chat.screens import Change
from chat.tasks import examine_adapter as examine_adapter_task
from inference import adapters, examinations, promotion
from inference.engine import EngineState
from inference.exceptions import InferenceError
from inference.models import Adapter, Examination
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


class ExamineForm(forms.Form):
    adapter = forms.ChoiceField(label=gettext_lazy("Adapter to examine"), widget=UnfoldAdminSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        serving = examinations.who_serves()
        rows = Adapter.objects.exclude(pk=serving.pk) if serving else Adapter.objects.all()
        self.fields["adapter"].choices = [(str(row.pk), str(row)) for row in rows]  # type: ignore[attr-defined]


class PromoteForm(forms.Form):
    examination = forms.ModelChoiceField(
        label=gettext_lazy("Examination"),
        queryset=Examination.objects.filter(state=Examination.State.DONE).select_related("candidate"),
        widget=UnfoldAdminSelectWidget,
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=150,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=gettext_lazy("Needed where the examination speaks against it; kept with your name."),
    )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        row = values.get("examination")
        if row is not None and promotion.against(row) and not str(values.get("reason") or "").strip():
            self.add_error("reason", promotion.against(row))
        return values


def examine_adapter(values: Mapping[str, Any], by: User) -> str:
    examine_adapter_task.delay(int(values["adapter"]))
    return _("The examination was started. It appears under Examinations, with its progress.")


def examining_blocked() -> str:
    return _("Another examination is running; wait until it is done.") if examinations.is_running() else ""


def promote(values: Mapping[str, Any], by: User) -> str:
    _swap(lambda: promotion.promote(values["examination"].pk, by=by, reason=values["reason"]))
    return _("Now serving: %(what)s.") % {"what": served_in_words(engine_status())}


def promotion_changes(form: forms.Form) -> Sequence[Change]:
    chosen = str(form["examination"].value() or "")
    row = Examination.objects.filter(pk=int(chosen)).first() if chosen.isdecimal() and len(chosen) < 18 else None
    if row is None:
        return ()
    speaks = promotion.against(row) or _("The examination showed that it is better.")
    serves = served_in_words(engine_status())
    return [(_("What serves"), serves, str(row.candidate)), (_("Examination"), str(row), speaks)]


def _swap(operation: Callable[[], object]) -> None:
    try:
        operation()
    except InferenceError as exc:
        raise ActionFailed(_("The adapter was not changed: %(why)s") % {"why": exc}) from exc
