"""What the panel's buttons do: each names its permission, says what will happen, and calls one function of a room."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import localize, number_format
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from aion import adapter_actions, fallback_actions, loop_actions, training_actions
from aion.exceptions import ActionFailed
from chat import control, nightly, providers, tasks
from chat.exceptions import CalibrationRefused, InvalidSettings
from chat.permissions import SWITCH_FORCING
from chat.router import Paid
from chat.screens import Change
from chat.tau_lab.screen import compare
from telemetry.export_jobs import request_export, settle_interrupted
from telemetry.models import DatasetExport

STUCK_AFTER = timedelta(hours=1)  # an export whose worker never came must not disable the button for ever


class ActionForm(forms.Form):
    """A button that asks nothing."""


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=gettext_lazy("It is kept with the change, for whoever looks at it later."),
    )


class TauForm(ReasonForm):
    tau = forms.FloatField(
        label=gettext_lazy("tau"),
        min_value=0,
        max_value=1,
        widget=forms.NumberInput(
            attrs={"type": "range", "min": "0", "max": "1", "step": "0.01", "class": "aion-range"}
        ),
    )
    field_order = ("tau", "reason")


class ForceFallbackForm(ReasonForm):
    minutes = forms.TypedChoiceField(
        label=gettext_lazy("For how long"),
        coerce=int,
        choices=(
            (15, gettext_lazy("15 minutes")),
            (60, gettext_lazy("1 hour")),
            (240, gettext_lazy("4 hours")),
            (1440, gettext_lazy("1 day")),
        ),
        widget=UnfoldAdminSelectWidget,
    )
    field_order = ("minutes", "reason")


class ExportForm(forms.Form):
    days = forms.TypedChoiceField(
        label=gettext_lazy("Answers of"),
        coerce=int,
        choices=(
            (7, gettext_lazy("the last 7 days")),
            (30, gettext_lazy("the last 30 days")),
            (90, gettext_lazy("the last 90 days")),
        ),
        initial=30,
        widget=UnfoldAdminSelectWidget,
    )


@dataclass(frozen=True, slots=True)
class PanelAction:
    """A button of the panel. `run` does it and says the result in words, or raises `ActionFailed`; `blocked` says why
    it cannot be done now ("" when it can); `changes` are what, now and afterwards as far as the form tells."""

    slug: str
    title: Promise
    icon: str
    explanation: Promise | str
    verb: Promise
    permissions: tuple[str, ...]
    run: Callable[[Mapping[str, Any], User], str]
    form: type[forms.Form] = ActionForm
    initial: Callable[[], dict[str, Any]] = dict
    changes: Callable[[forms.Form], Sequence[Change]] = lambda form: ()
    blocked: Callable[[], str] = lambda: ""
    danger: bool = False


def may_use(action: PanelAction, person: User | AnonymousUser) -> bool:
    """Whether a person holds every permission of a button."""
    return person.has_perms(action.permissions)


# --- tau ---------------------------------------------------------------------------------------------------------
def save_tau(values: Mapping[str, Any], by: User) -> str:
    before = control.current().tau
    _revise({"tau": values["tau"]}, by=by, reason=values["reason"])
    return _("tau went from %(before)s to %(after)s.") % {
        "before": number_format(before, 2),
        "after": number_format(values["tau"], 2),
    }


def tau_changes(form: forms.Form) -> Sequence[Change]:
    chosen = form["tau"].value()
    try:
        after = number_format(float(chosen), 2)
    except (TypeError, ValueError):
        after = "—"
    return [(_("tau"), number_format(control.current().tau, 2), after), *_what_it_means(chosen)]


def _what_it_means(chosen: object) -> Sequence[Change]:
    """The consequences of the present tau and of a chosen one, as the tau lab tells them; none without traffic."""
    try:
        compared = compare(control.current().tau, float(str(chosen)))
    except ValueError:
        return ()
    return compared


# --- forced fallback ---------------------------------------------------------------------------------------------
def force_fallback(values: Mapping[str, Any], by: User) -> str:
    until = timezone.now() + timedelta(minutes=values["minutes"])
    _revise({"forced_fallback_until": until}, by=by, reason=values["reason"])
    return _("Every question goes to the paid API until %(until)s.") % {"until": localize(timezone.localtime(until))}


def forcing_blocked() -> str:
    if control.current().fallback_forced():
        return _("It is forced already.")
    paid = control.current().paid()
    if paid is Paid.OFF:
        return _("The paid fallback is off. Allow it in the answer settings first.")
    if paid is Paid.OUTSIDE_HOURS:
        return _("The paid fallback is outside its hours. They are in the answer settings.")
    if not providers.is_configured(control.current().fallback_model):
        return _("No key of a paid API is configured (OPENAI_API_KEY).")
    return ""


def forcing_changes(form: forms.Form) -> Sequence[Change]:
    return [(_("Route of every question"), _("chosen by the confidence C"), _("paid API, within the budget"))]


def stop_forcing(values: Mapping[str, Any], by: User) -> str:
    _revise({"forced_fallback_until": None}, by=by, reason=values["reason"])
    return _("The route is chosen by the confidence again.")


def stopping_blocked() -> str:
    return "" if control.current().fallback_forced() else _("The paid fallback is not forced.")


def stopping_changes(form: forms.Form) -> Sequence[Change]:
    return [(_("Route of every question"), _("paid API, within the budget"), _("chosen by the confidence C"))]


# --- dataset -----------------------------------------------------------------------------------------------------
def export_dataset(values: Mapping[str, Any], by: User) -> str:
    since = timezone.now() - timedelta(days=values["days"])
    request_export(tenant=settings.PRIMARY_TENANT_ID, requested_by=by.pk, since=since)
    return _("The export was started. It appears under Dataset exports as soon as it is done.")


def exporting_blocked() -> str:
    tenant = settings.PRIMARY_TENANT_ID
    settle_interrupted(tenant)
    exports = DatasetExport.objects.filter(tenant=tenant)
    waiting = Q(state=DatasetExport.State.QUEUED, created_at__gte=timezone.now() - STUCK_AFTER)
    busy = exports.filter(waiting | Q(state=DatasetExport.State.RUNNING)).exists()
    return _("An export is running; wait until it is done.") if busy else ""


# --- calibration -------------------------------------------------------------------------------------------------
def recalibrate(values: Mapping[str, Any], by: User) -> str:
    try:
        nightly.refuse_confidence_too_few(timezone.now())
    except CalibrationRefused as exc:
        raise ActionFailed(str(exc)) from exc
    tasks.recalibrate.delay()
    return _("The confidence is being fitted again. It appears under Calibrations where it is no worse than before.")


def _revise(changes: Mapping[str, Any], *, by: User, reason: str) -> None:
    try:
        control.revise(changes, by=by, reason=reason)
    except InvalidSettings as exc:
        raise ActionFailed(exc.message) from exc


ACTIONS: dict[str, PanelAction] = {
    action.slug: action
    for action in (
        PanelAction(
            slug="tau",
            title=gettext_lazy("Change tau"),
            icon="tune",
            explanation=gettext_lazy("The new tau holds from the next question on and is kept as a revision."),
            verb=gettext_lazy("Save tau"),
            permissions=("chat.add_chatsettingsrevision",),
            run=save_tau,
            form=TauForm,
            initial=lambda: {"tau": control.current().tau},
            changes=tau_changes,
        ),
        PanelAction(
            slug="load-adapter",
            title=gettext_lazy("Load adapter"),
            icon="extension",
            explanation=gettext_lazy(
                "The adapter is checked and loaded aside; answers that are being written end with the present one."
            ),
            verb=gettext_lazy("Load adapter"),
            permissions=("inference.load_adapter",),
            run=adapter_actions.load_adapter,
            form=adapter_actions.LoadAdapterForm,
            changes=adapter_actions.adapter_changes,
            blocked=adapter_actions.swapping_blocked,
        ),
        PanelAction(
            slug="merge-adapter",
            title=gettext_lazy("Merge adapter"),
            icon="merge",
            explanation=gettext_lazy(
                "A fresh copy of the base model gets the adapter merged into it and then serves. "
                "The base and the adapter stay as they are, so one can go back."
            ),
            verb=gettext_lazy("Merge adapter"),
            permissions=("inference.merge_adapter",),
            run=adapter_actions.merge_adapter,
            changes=adapter_actions.merging_changes,
            blocked=adapter_actions.merging_blocked,
        ),
        PanelAction(
            slug="unmerge-adapter",
            title=gettext_lazy("Undo the merge"),
            icon="call_split",
            explanation=gettext_lazy("The adapter serves beside the base model again; the answers stay the same."),
            verb=gettext_lazy("Undo the merge"),
            permissions=("inference.merge_adapter",),
            run=adapter_actions.unmerge_adapter,
            changes=adapter_actions.unmerging_changes,
            blocked=adapter_actions.unmerging_blocked,
        ),
        PanelAction(
            slug="unload-adapter",
            title=gettext_lazy("Unload the adapter"),
            icon="extension_off",
            explanation=gettext_lazy(
                "The base model serves alone, as it was before any training. The adapter stays in the list."
            ),
            verb=gettext_lazy("Unload the adapter"),
            permissions=("inference.load_adapter",),
            run=adapter_actions.unload_adapter,
            changes=adapter_actions.unloading_changes,
            blocked=adapter_actions.unloading_blocked,
        ),
        PanelAction(
            slug="rollback-adapter",
            title=gettext_lazy("Go back to the previous one"),
            icon="undo",
            explanation=gettext_lazy("What served before the last change serves again."),
            verb=gettext_lazy("Go back"),
            permissions=("inference.load_adapter",),
            run=adapter_actions.roll_back,
            changes=adapter_actions.rollback_changes,
            blocked=adapter_actions.rolling_back_blocked,
        ),
        PanelAction(
            slug="examine-adapter",
            title=gettext_lazy("Examine an adapter"),
            icon="fact_check",
            explanation=gettext_lazy(
                "The adapter, the one that serves and the base model answer the same frozen questions in the "
                "background, on a second copy of the model. It says which is better and changes nothing that serves."
            ),
            verb=gettext_lazy("Examine"),
            permissions=("inference.promote_adapter",),
            run=adapter_actions.examine_adapter,
            form=adapter_actions.ExamineForm,
            blocked=adapter_actions.examining_blocked,
        ),
        PanelAction(
            slug="promote-adapter",
            title=gettext_lazy("Promote an adapter"),
            icon="workspace_premium",
            explanation=gettext_lazy(
                "The examined adapter serves from the next answer on. Who serves now is kept, so one can go back. "
                "Against the examination this needs a reason, which is kept with your name."
            ),
            verb=gettext_lazy("Promote"),
            permissions=("inference.promote_adapter",),
            run=adapter_actions.promote,
            form=adapter_actions.PromoteForm,
            changes=adapter_actions.promotion_changes,
            blocked=adapter_actions.swapping_blocked,
            danger=True,
        ),
        PanelAction(
            slug="force-fallback",
            title=gettext_lazy("Force the paid API"),
            icon="paid",
            explanation=gettext_lazy(
                "Every question is answered by the paid API for a while. It costs money, never more than the budget."
            ),
            verb=gettext_lazy("Force the paid API"),
            permissions=SWITCH_FORCING,
            run=force_fallback,
            form=ForceFallbackForm,
            changes=forcing_changes,
            blocked=forcing_blocked,
            danger=True,
        ),
        PanelAction(
            slug="stop-forcing",
            title=gettext_lazy("Stop forcing the paid API"),
            icon="money_off",
            explanation=gettext_lazy("The confidence chooses the route of each question again."),
            verb=gettext_lazy("Stop forcing"),
            permissions=SWITCH_FORCING,
            run=stop_forcing,
            form=ReasonForm,
            changes=stopping_changes,
            blocked=stopping_blocked,
        ),
        PanelAction(
            slug="test-fallback",
            title=gettext_lazy("Test the fallback"),
            icon="network_check",
            explanation=lazy(fallback_actions.testing_explained, str)(),
            verb=gettext_lazy("Test the fallback"),
            permissions=("chat.force_fallback",),
            run=fallback_actions.ask_each_model,
            blocked=fallback_actions.testing_blocked,
        ),
        PanelAction(
            slug="recalibrate",
            title=gettext_lazy("Recalibrate"),
            icon="query_stats",
            explanation=gettext_lazy(
                "The confidence is fitted on the questions that people judged in the last six months, in the "
                "background. It is taken only where it is no worse than the one in force."
            ),
            verb=gettext_lazy("Recalibrate"),
            permissions=("chat.change_calibration",),
            run=recalibrate,
        ),
        PanelAction(
            slug="export-dataset",
            title=gettext_lazy("Export dataset"),
            icon="dataset",
            explanation=gettext_lazy(
                "Recent answers are written as a training set, personal data masked, and the rolling file is renewed."
            ),
            verb=gettext_lazy("Export dataset"),
            permissions=("telemetry.export_dataset",),
            run=export_dataset,
            form=ExportForm,
            blocked=exporting_blocked,
        ),
        PanelAction(
            slug="pause-autopilot",
            title=gettext_lazy("Pause the autopilot"),
            icon="pause_circle",
            explanation=gettext_lazy("No night trains or promotes until somebody resumes it. What serves stays."),
            verb=gettext_lazy("Pause the autopilot"),
            permissions=("telemetry.run_night",),
            run=loop_actions.pause,
            form=ReasonForm,
            changes=loop_actions.pausing_changes,
            blocked=loop_actions.pausing_blocked,
        ),
        PanelAction(
            slug="resume-autopilot",
            title=gettext_lazy("Resume the autopilot"),
            icon="play_circle",
            explanation=gettext_lazy(
                "From the next night on AION trains where it is worth it, and promotes what is better."
            ),
            verb=gettext_lazy("Resume the autopilot"),
            permissions=("telemetry.run_night",),
            run=loop_actions.resume,
            form=ReasonForm,
            changes=loop_actions.resuming_changes,
            blocked=loop_actions.resuming_blocked,
        ),
        PanelAction(
            slug="run-night",
            title=gettext_lazy("Run the night now"),
            icon="bedtime",
            explanation=gettext_lazy(
                "What the night would do is done now, in the background: it decides, and where it is worth it trains, "
                "examines and promotes. Training takes the machine for an hour or more; answers go first."
            ),
            verb=gettext_lazy("Run the night now"),
            permissions=("telemetry.run_night",),
            run=loop_actions.run_now,
            blocked=loop_actions.running_now_blocked,
        ),
        PanelAction(
            slug="dry-run-night",
            title=gettext_lazy("Try out the night"),
            icon="science",
            explanation=gettext_lazy("AION looks and says what it would decide now. Nothing is trained or changed."),
            verb=gettext_lazy("Try out the night"),
            permissions=("telemetry.run_night",),
            run=loop_actions.try_out,
            blocked=loop_actions.running_blocked,
        ),
        PanelAction(
            slug="train-adapter",
            title=gettext_lazy("Train now"),
            icon="model_training",
            explanation=gettext_lazy(
                "What people approved or corrected becomes a training set, and an adapter is trained on it in the "
                "background. Answers may come a little slower until it is done."
            ),
            verb=gettext_lazy("Train now"),
            permissions=("inference.train_adapter",),
            run=training_actions.train_now,
            changes=training_actions.training_changes,
            blocked=training_actions.training_blocked,
        ),
    )
}
