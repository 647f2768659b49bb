"""The screen of trainings: the list, one run with its curve while it trains, and the buttons that stop and resume."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from inference.exceptions import InferenceError
from inference.models import TrainingRun
from inference.read_only import STATE_LABELS, ReadOnlyAdmin
from inference.screens import metrics_in_words
from inference.training_curve import shown_state, view_of
from inference.training_jobs import resume_training, stop_training

State = TrainingRun.State
MAY_TRAIN = "inference.train_adapter"
_FRAGMENT = "admin/inference/training_progress.html"


@admin.register(TrainingRun)
class TrainingRunAdmin(ReadOnlyAdmin):
    """The trainings and what came of them."""

    list_display = ("created_at", "state_label", "how_far", "dataset", "adapter", "finished_at")
    list_filter = ("state",)
    list_select_related = ("adapter",)
    list_before_template = "admin/inference/training_help.html"
    change_form_template = "admin/inference/training_run.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:run_id>/progress/", view(self.progress), name="inference_trainingrun_progress"),
            path("<int:run_id>/stop/", view(self.stop), name="inference_trainingrun_stop"),
            path("<int:run_id>/resume/", view(self.resume), name="inference_trainingrun_resume"),
            *super().get_urls(),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        run = context["original"]
        state, _label = shown_state(run)
        may_train = request.user.has_perm(MAY_TRAIN)
        context |= view_of(run) | {
            "card": metrics_in_words(run.metrics or run.profile),
            "may_stop": may_train and state in TrainingRun.UNFINISHED and not run.stop_requested,
            "may_resume": may_train and state in ("interrupted", State.STOPPED),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def progress(self, request: HttpRequest, run_id: int) -> JsonResponse:
        """How far it is, as the page shows it, and whether to ask again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        view = view_of(self._run(request, run_id))
        return JsonResponse({"html": render_to_string(_FRAGMENT, view, request), "moving": view["is_moving"]})

    def stop(self, request: HttpRequest, run_id: int) -> HttpResponse:
        return self._confirmed(
            request,
            run_id,
            stop_training,
            title=_("Stop the training"),
            explanation=_("It writes a checkpoint after the step it is at and stops. It can go on from there later."),
            afterwards=_("stopped"),
            said=_("The training was asked to stop."),
        )

    def resume(self, request: HttpRequest, run_id: int) -> HttpResponse:
        return self._confirmed(
            request,
            run_id,
            resume_training,
            title=_("Resume the training"),
            explanation=_("It goes on from its last checkpoint, with the same result as if it had never stopped."),
            afterwards=_("queued"),
            said=_("The training goes on as soon as the worker is free."),
        )

    def _confirmed(
        self,
        request: HttpRequest,
        run_id: int,
        act: Callable[[int], object],
        *,
        title: Promise,
        explanation: Promise,
        afterwards: Promise,
        said: Promise,
    ) -> HttpResponse:
        """GET shows what would change, POST does it and leaves a log entry."""
        if not request.user.has_perm(MAY_TRAIN):
            raise PermissionDenied
        run = self._run(request, run_id)
        back = reverse("admin:inference_trainingrun_change", args=[run_id])
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "title": title,
                "explanation": explanation,
                "changes": [(run, shown_state(run)[1], afterwards)],
                "verb": title,
                "back": back,
            }
            return TemplateResponse(request, "admin/panel/confirm.html", context)
        try:
            act(run_id)
        except InferenceError as exc:
            messages.error(request, str(exc))
        else:
            self.log_change(request, run, str(said))
            messages.success(request, str(said))
        return HttpResponseRedirect(back)

    def _run(self, request: HttpRequest, run_id: int) -> TrainingRun:
        run = self.get_object(request, str(run_id))
        if run is None:
            raise Http404
        return run

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, run: TrainingRun) -> tuple[str, str]:
        return shown_state(run)

    @display(description=_("progress"))
    def how_far(self, run: TrainingRun) -> str:
        if not run.steps:
            return "—"
        return gettext("step %(step)d of %(steps)d") % {"step": run.step, "steps": run.steps}
