"""The pages of evaluations: figures over time, one run beside another, the button, the floors. Screens only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from chat.evaluation import run_words, runs, wording
from chat.evaluation.comparison import Difference, differences, flipped, paired
from chat.evaluation.conditions import Conditions
from chat.evaluation.history import charts, figure_of
from chat.evaluation.running import is_in_the_way
from chat.exceptions import EvaluationRefused
from chat.models import EvaluationFloor, EvaluationRun
from retrieval.models import GoldenQuestion
from telemetry.screens import ReadOnlyAdmin

MAY_RUN = "chat.run_evaluation"
RUNS_DRAWN = 60
RUNS_OFFERED = 30
POINTS = " p.p."  # of a share; in Portuguese and in English
LIST = "admin:chat_evaluationrun_changelist"
State = EvaluationRun.State


@admin.register(EvaluationRun)
class EvaluationRunAdmin(ReadOnlyAdmin):
    """The evaluations, drawn over time; each compared with the one before it, or with another."""

    list_display = ("created_at", "cause_label", "state_label", "right", "f1", "found", "questions", "alarms")
    list_filter = ("state", "cause")
    list_per_page = 30
    list_before_template = "admin/evaluation/history.html"
    change_form_template = "admin/evaluation/run.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationRun]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("ask/", view(self.ask), name="chat_evaluationrun_ask"),
            path("progress/", view(self.progress), name="chat_evaluationrun_progress"),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        done = list(runs.runs().filter(state=State.DONE)[:RUNS_DRAWN])
        context = {
            "charts": charts(list(reversed(done))),
            "sets": [run_words.standing_in_words(one) for one in done[0].sets] if done else (),
            "has_golden": _golden().exists(),
            "may_run": request.user.has_perm(MAY_RUN),
            **_at_work(),
        }
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page shows figures and answers, not fields."""
        page = _page_of(context["original"], request.GET.get("with", ""))
        return super().render_change_form(request, {**context, **page}, *args, **kwargs)

    @method_decorator(require_POST)
    def ask(self, request: HttpRequest) -> HttpResponse:
        """Have a run begin as soon as nothing is in its way."""
        from chat.tasks import evaluate_golden  # it imports what makes a run, and this module is imported early

        if not request.user.has_perm(MAY_RUN):
            raise PermissionDenied
        try:
            row = runs.ask(EvaluationRun.Cause.BUTTON, timezone.now(), by=request.user.pk)
        except EvaluationRefused as exc:
            messages.error(request, str(exc))
        else:
            self.log_change(request, row, gettext("An evaluation was asked for."))
            transaction.on_commit(evaluate_golden.delay, robust=True)  # else the schedule finds it within minutes
            messages.success(request, gettext("The golden questions are being asked; this page shows how far it is."))
        return HttpResponseRedirect(reverse(LIST))

    def progress(self, request: HttpRequest) -> JsonResponse:
        """What is at work, as the page shows it, and whether to ask again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        view = _at_work()
        html = render_to_string("admin/evaluation/progress.html", view, request)
        return JsonResponse({"html": html, "moving": bool(view["running"] or view["waiting"])})

    @display(description=_("cause"), ordering="cause")
    def cause_label(self, row: EvaluationRun) -> str:
        before = runs.last_done(row) if row.cause == EvaluationRun.Cause.CHANGE else None
        return run_words.cause_in_words(row, before)

    @display(
        description=_("state"),
        ordering="state",
        label={"waiting": "info", "running": "warning", "done": "success", "interrupted": "danger", "failed": "danger"},
    )
    def state_label(self, row: EvaluationRun) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("Answered rightly"))
    def right(self, row: EvaluationRun) -> str:
        return wording.share(figure_of(row, "right", "share").value)

    @display(description=_("Token F1"))
    def f1(self, row: EvaluationRun) -> str:
        return wording.number(figure_of(row, "answer", "f1").value)

    @display(description="R@8")
    def found(self, row: EvaluationRun) -> str:
        return wording.number(figure_of(row, "retrieval", "r_at_8").value)

    @display(description=_("questions"))
    def questions(self, row: EvaluationRun) -> str:
        return str(figure_of(row, "right", "share").n or "—")

    @display(description=_("alarm"))
    def alarms(self, row: EvaluationRun) -> str:
        return run_words.failing_in_words(row.sets) or "—"


def _golden() -> QuerySet[GoldenQuestion]:
    return GoldenQuestion.objects.filter(tenant=settings.PRIMARY_TENANT_ID, is_active=True)


def _at_work() -> dict[str, Any]:
    """What runs, what waits, and for what."""
    waiting = runs.runs().filter(state=State.WAITING).first()
    is_change = waiting is not None and waiting.cause == EvaluationRun.Cause.CHANGE and waiting.changed_at is not None
    return {
        "running": runs.runs().filter(state=State.RUNNING).first(),
        "waiting": waiting,
        "in_the_way": waiting is not None and is_in_the_way(),
        "quiet_at": waiting.changed_at + runs.QUIET if waiting and is_change and waiting.changed_at else None,
    }


def _page_of(row: EvaluationRun, other_id: str) -> dict[str, Any]:
    """What the page of one run shows; `other_id` names the run to compare it with, the one before it by default."""
    others = list(runs.runs().filter(state=State.DONE).exclude(pk=row.pk)[:RUNS_OFFERED])
    before = next((one for one in others if str(one.pk) == other_id), None) or runs.last_done(row)
    answers = list(row.answers.select_related("golden").order_by("right", "pk"))
    return {
        "title": gettext("Evaluation of %(when)s") % {"when": _moment(row)},
        "cause": run_words.cause_in_words(row, runs.last_done(row)),
        "sets": [run_words.standing_in_words(one) for one in row.sets],
        "tables": wording.tables(row.figures) if row.figures else (),
        "answers": answers,
        "others": [(one, _moment(one)) for one in others],
        "before": before,
        "before_at": _moment(before) if before else "",
        **(_compared(before, row) if before and row.state == State.DONE else {}),
    }


def _moment(row: EvaluationRun) -> str:
    return date_format(timezone.localtime(row.finished_at or row.created_at), "SHORT_DATETIME_FORMAT")


def _compared(before: EvaluationRun, after: EvaluationRun) -> dict[str, Any]:
    pairs = paired(before.answers.all(), after.answers.order_by("pk"))
    lost, won = flipped(pairs)
    return {
        "pairs": len(pairs),
        "differences": [_difference_in_words(one) for one in differences(pairs)],
        "flips": [(gettext("Right before, wrong now"), "lost", lost), (gettext("Wrong before, right now"), "won", won)],
        "changes": run_words.changes_in_words(Conditions.of(before.conditions), Conditions.of(after.conditions)),
    }


def _difference_in_words(one: Difference) -> dict[str, Any]:
    percent = one.measure != "f1"
    value = wording.share if percent else wording.number
    gained = f"{'+' if one.gained > 0 else ''}{value(one.gained)}"
    between = wording.interval(one.interval, percent=percent) or "—"
    return {
        "label": run_words.MEASURES[one.measure],
        "n": one.n,
        "before": value(one.before),
        "after": value(one.after),
        "gained": gained.replace(" %", POINTS),
        "interval": between.replace(" %", POINTS),
        "verdict": "" if not one.is_clear else "better" if one.gained > 0 else "worse",
    }


class FloorForm(forms.ModelForm[EvaluationFloor]):
    """A floor for a set that is there and has none yet."""

    set_name = forms.ChoiceField(label=_("set"), required=False, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = EvaluationFloor
        fields = ("set_name", "share")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["set_name"].choices = _sets(self.instance)  # type: ignore[attr-defined]  # declared above

    def clean_set_name(self) -> str:
        name: str = self.cleaned_data["set_name"]
        twins = EvaluationFloor.objects.filter(tenant=settings.PRIMARY_TENANT_ID, set_name=name)
        if twins.exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(gettext("This set has a floor already; change that one."))
        return name


def _sets(floor: EvaluationFloor) -> Sequence[tuple[str, str]]:
    names = set(_golden().values_list("set_name", flat=True)) | ({floor.set_name} if floor.pk else set())
    return [(name, run_words.set_in_words(name)) for name in sorted(names)]


@admin.register(EvaluationFloor)
class EvaluationFloorAdmin(ModelAdmin):
    """Below which share of right answers a set alarms."""

    form = FloorForm
    list_display = ("named", "in_percent")
    list_before_template = "admin/evaluation/floors_help.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[EvaluationFloor]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def save_model(self, request: HttpRequest, obj: EvaluationFloor, form: Any, change: bool) -> None:
        obj.tenant = settings.PRIMARY_TENANT_ID
        super().save_model(request, obj, form, change)

    @display(description=_("set"), ordering="set_name")
    def named(self, floor: EvaluationFloor) -> str:
        return run_words.set_in_words(floor.set_name)

    @display(description=_("floor"), ordering="share")
    def in_percent(self, floor: EvaluationFloor) -> str:
        return wording.share(floor.share)
