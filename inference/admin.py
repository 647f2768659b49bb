"""Screens of the model: adapters, what was asked to serve, live processes; trainings are in `training_screen`."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from inference.adapters import delete_adapter, last_failure, why_kept
from inference.examination_screen import ExaminationAdmin
from inference.exceptions import AdapterRejected, InferenceError
from inference.models import Adapter, DesiredState, ProcessReport
from inference.read_only import STATE_LABELS, ReadOnlyAdmin
from inference.screens import AdapterForm, metrics_in_words
from inference.serving_words import failure_in_words, reason_in_words, served_rows
from inference.training_screen import TrainingRunAdmin
from inference.uploads import accept_upload

__all__ = ["AdapterAdmin", "DesiredStateAdmin", "ExaminationAdmin", "ProcessReportAdmin", "TrainingRunAdmin"]


@admin.register(Adapter)
class AdapterAdmin(ReadOnlyAdmin):
    """The registry of adapters: sent from the browser, looked at, deleted. The panel's buttons say which one serves."""

    list_display = (
        "name",
        "served",
        "state_label",
        "short_digest",
        "base_model",
        "origin",
        "size",
        "created_at",
        "serve",
    )
    list_filter = ("state", "origin")
    search_fields = ("name", "digest")
    list_before_template = "admin/inference/adapters_served.html"
    change_form_outer_before_template = "admin/inference/adapter_actions.html"
    fields = (
        "name",
        "is_served",
        "state",
        "digest",
        "base_model",
        "base_sha256",
        "rank",
        "size",
        "origin",
        "measured",
        "created_by",
        "created_at",
    )
    readonly_fields = ("is_served", "size", "measured")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Who may send adapters; which one serves is another permission's matter."""
        return request.user.has_perm("inference.add_adapter")

    def get_urls(self) -> list[URLPattern]:
        """Deleting asks the registry, so Django's own page for it is replaced."""
        view = self.admin_site.admin_view(self.delete)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:adapter_id>/delete/", view, name="inference_adapter_delete"), *urls]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        failed = last_failure()
        rows = served_rows()
        context = {
            **(extra_context or {}),
            "served_rows": rows,
            "any_adapter": any(row.digest for row in rows),
            "any_merged": any(row.merged for row in rows),
            "failure": failure_in_words(failed) if failed else "",
            "may_send": self.has_add_permission(request),
        }
        return super().changelist_view(request, context)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send an adapter: checked at once, and kept or refused with the reason."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = AdapterForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid() and (adapter := self._accept(request, form)):
            return HttpResponseRedirect(reverse("admin:inference_adapter_change", args=[adapter.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Send an adapter"),
            "form": form,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/inference/send.html", context)

    def _accept(self, request: HttpRequest, form: AdapterForm) -> Adapter | None:
        values, by = form.cleaned_data, request.user
        try:
            adapter = accept_upload(values["uploads"], name=values["name"], by=by if isinstance(by, User) else None)
        except InferenceError as exc:
            form.add_error("uploads", str(exc))
            return None
        self.log_addition(request, adapter, gettext("Sent."))
        messages.success(request, gettext("The adapter was checked and registered. It does not serve yet."))
        return adapter

    def delete(self, request: HttpRequest, adapter_id: int) -> HttpResponse:
        """What goes, and why it may not; then it goes."""
        if not request.user.has_perm("inference.delete_adapter"):
            raise PermissionDenied
        adapter = self.get_object(request, str(adapter_id))
        if adapter is None:
            raise Http404
        if request.method == "POST":
            return self._delete(request, adapter)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Delete the adapter"),
            "explanation": _("Its row and its files go for good. Training or sending it again brings it back."),
            "changes": [(adapter, filesizeformat(adapter.size_bytes), _("deleted"))],
            "verb": _("Delete the adapter"),
            "back": reverse("admin:inference_adapter_change", args=[adapter.pk]),
            "blocked": why_kept(adapter),
            "danger": True,
        }
        return TemplateResponse(request, "admin/panel/confirm.html", context)

    def _delete(self, request: HttpRequest, adapter: Adapter) -> HttpResponse:
        try:
            delete_adapter(adapter.pk)
        except AdapterRejected as exc:
            messages.error(request, str(exc))
            return HttpResponseRedirect(reverse("admin:inference_adapter_change", args=[adapter.pk]))
        self.log_deletions(request, [adapter])
        messages.success(request, gettext("%(adapter)s was deleted.") % {"adapter": adapter})
        return HttpResponseRedirect(reverse("admin:inference_adapter_changelist"))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["why_kept"] = why_kept(context["original"])
        context["is_served"] = self._is_served(context["original"])
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("served now"), label={"serving": "success"})
    def served(self, adapter: Adapter) -> tuple[str, Any] | None:
        return ("serving", _("serving")) if self._is_served(adapter) else None

    @display(description=_("served now"), boolean=True)
    def is_served(self, adapter: Adapter) -> bool:
        return self._is_served(adapter)

    def _is_served(self, adapter: Adapter) -> bool:
        return any(row.digest == adapter.digest for row in served_rows())

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, adapter: Adapter) -> tuple[str, str]:
        return adapter.state, adapter.get_state_display()

    @display(description=_("digest"))
    def short_digest(self, adapter: Adapter) -> SafeString:
        return format_html('<code title="{}">{}</code>', adapter.digest, adapter.digest[:12])

    @display(description=_("size"), ordering="size_bytes")
    def size(self, adapter: Adapter) -> str:
        return filesizeformat(adapter.size_bytes)

    @display(description=_("what was measured"))
    def measured(self, adapter: Adapter) -> SafeString:
        return render_to_string("admin/inference/measured.html", {"facts": metrics_in_words(adapter.metrics)})

    @display(description="")
    def serve(self, adapter: Adapter) -> SafeString | str:
        """To the page that shows what changes and asks; the link itself changes nothing."""
        if self._is_served(adapter):
            return "—"
        address = reverse("admin:panel_action", args=["load-adapter"])
        return format_html('<a class="aion-link" href="{}?adapter={}">{}</a>', address, adapter.pk, gettext("Serve…"))


@admin.register(DesiredState)
class DesiredStateAdmin(ReadOnlyAdmin):
    """What was asked to serve, by whom, and how it went."""

    list_display = ("created_at", "what", "merged", "outcome_label", "why", "created_by")
    list_filter = ("outcome",)
    list_select_related = ("adapter", "created_by")

    @display(description=_("reason"))
    def why(self, desired: DesiredState) -> str:
        return reason_in_words(desired)

    @display(description=_("adapter"))
    def what(self, desired: DesiredState) -> str:
        return str(desired.adapter or _("base model alone"))

    @display(description=_("outcome"), ordering="outcome", label=STATE_LABELS)
    def outcome_label(self, desired: DesiredState) -> tuple[str, str]:
        return desired.outcome, desired.get_outcome_display()


@admin.register(ProcessReport)
class ProcessReportAdmin(ReadOnlyAdmin):
    """What each process really serves."""

    list_display = (
        "process",
        "alive",
        "state",
        "base_model",
        "adapter",
        "merged",
        "device",
        "queue_length",
        "heartbeat_at",
    )

    @display(description=_("alive"), boolean=True)
    def alive(self, report: ProcessReport) -> bool:
        return report.is_alive
