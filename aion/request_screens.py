"""The screens of requests about people's data: asking with a preview, progress, the receipt. HTTP only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from aion import data_requests, erasure
from aion.accounts import find_account
from aion.exceptions import ActionFailed
from inference.models import Adapter
from telemetry.audit.trail import Action, write
from telemetry.models import DataRequest
from telemetry.screens import ReadOnlyAdmin, name_of

PERMISSIONS = {"copy": "telemetry.copy_person", "erasure": "telemetry.erase_person"}
STATES = {"queued": "info", "running": "warning", "done": "success", "failed": "danger"}
KINDS_IN_WORDS = {
    "conversations": _("conversations"),
    "messages": _("messages"),
    "events": _("events blanked"),
    "feedback": _("opinions given"),
    "feedback_texts": _("opinions of others on the answers, blanked"),
    "reviews": _("reviews of the answers"),
    "training_rows": _("lines of training sets"),
    "training_set_folders": _("folders of training sets"),
    "dataset_files": _("files of exports rewritten"),
    "reservations": _("reservations of the budget, without whom they were for"),
    "golden_questions": _("golden questions made of the answers"),
    "examinations": _("examinations with a question of theirs"),
    "copies": _("copies made for the person"),
}


class PersonForm(forms.Form):
    """Whom it is about."""

    login = forms.CharField(
        label=_("Login of the person"),
        max_length=150,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
        help_text=_("The user name with which the person signs in, or the number of an account that is gone."),
    )

    def clean_login(self) -> str:
        login: str = self.cleaned_data["login"].strip()
        try:
            self.user_id, _name = find_account(login)
        except ActionFailed as exc:
            raise forms.ValidationError(str(exc)) from exc
        return login


class SureForm(forms.Form):
    """The login once more, and why."""

    typed = forms.CharField(
        label=_("Type the login again, to confirm"),
        max_length=150,
        widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=300,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Such as the number of the request. Do not name the person: the reason is kept for years."),
    )

    def __init__(self, login: str, data: Any = None) -> None:
        super().__init__(data)
        self.login = login

    def clean_typed(self) -> str:
        typed: str = self.cleaned_data["typed"].strip()
        if typed != self.login:
            raise forms.ValidationError(gettext("This is not the login chosen above."))
        return typed

    def clean_reason(self) -> str:
        reason: str = self.cleaned_data["reason"]
        if len(self.login) > 2 and self.login.lower() in reason.lower():
            raise forms.ValidationError(gettext("Leave the login out: the receipt must not name the person."))
        return reason


@admin.register(DataRequest)
class DataRequestAdmin(ReadOnlyAdmin):
    """What was asked for, how far it is, and its receipt."""

    list_display = ("created_at", "kind", "state_label", "found", "who_asked", "reason")
    list_filter = ("kind", "state")
    list_before_template = "admin/panel/requests_help.html"
    change_form_template = "admin/panel/request.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[DataRequest]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        ask, download = map(self.admin_site.admin_view, (self.ask, self.download))
        return [
            path("ask/<str:kind>/", ask, name="telemetry_datarequest_ask"),
            path("<uuid:request_id>/download/", download, name="telemetry_datarequest_download"),
            *urls,
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        may = {f"may_{kind}": request.user.has_perm(code) for kind, code in PERMISSIONS.items()}
        return super().changelist_view(request, {**(extra_context or {}), **may})

    def ask(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Choose a person; look at what would happen; confirm. Nothing but a confirmed POST changes anything."""
        if kind not in PERMISSIONS:
            raise Http404
        if not request.user.has_perm(PERMISSIONS[kind]):
            raise PermissionDenied
        person = PersonForm(request.POST or None)  # by POST also to look: no address, and so no log, names the person
        chosen = request.method == "POST" and person.is_valid()
        confirmed = "typed" in request.POST
        sure = SureForm(person.cleaned_data["login"], request.POST if confirmed else None) if chosen else None
        if sure is not None and confirmed and sure.is_valid():
            try:
                return self._asked(request, DataRequest.Kind(kind), person.user_id, sure.cleaned_data["reason"])
            except ActionFailed as exc:
                messages.error(request, str(exc))
        return self._page(request, kind, person, sure)

    def _asked(self, request: HttpRequest, kind: DataRequest.Kind, user_id: int, reason: str) -> HttpResponse:
        row = data_requests.ask(kind, user_id, reason=reason, by=request.user.pk)
        messages.success(request, gettext("It was asked for. This page tells how far it is."))
        return HttpResponseRedirect(reverse("admin:telemetry_datarequest_change", args=[row.pk]))

    def _page(self, request: HttpRequest, kind: str, person: PersonForm, sure: SureForm | None) -> HttpResponse:
        found = erasure.preview(person.user_id) if sure is not None else None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Erase a person's data") if kind == "erasure" else gettext("Copy a person's data"),
            "kind": kind,
            "person": person,
            "sure": sure,
            "login": person.cleaned_data["login"] if sure is not None else "",
            "found": in_words(found.found) if found else (),
            "adapters": _adapters(found.adapters) if found else (),
            "back": reverse("admin:telemetry_datarequest_changelist"),
        }
        return TemplateResponse(request, "admin/panel/request_ask.html", context)

    def download(self, request: HttpRequest, request_id: UUID) -> HttpResponseBase:
        """The copy, to who may; each time is written down."""
        if not request.user.has_perm(PERMISSIONS["copy"]):
            raise PermissionDenied
        row = self.get_queryset(request).filter(pk=request_id, state="done").exclude(path="").first()
        if row is None or not Path(row.path).is_file():
            raise Http404
        write(Action.DOWNLOADED, object_type="telemetry.datarequest", object_id=row.pk, reason=row.reason)
        file = Path(row.path).open("rb")  # noqa: SIM115 - the response closes it
        response = FileResponse(file, as_attachment=True, filename=f"aion-{row.pk}.zip")
        response["Cache-Control"] = "no-store"
        return response

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        row: DataRequest = context["original"]
        receipt = row.receipt
        context |= {
            "title": str(row.get_kind_display()).capitalize(),
            "row": row,
            "step": gettext(row.step) if row.step else "",
            "state": STATES[row.state],
            "at": datetime.fromisoformat(receipt["at"]) if "at" in receipt else None,
            "counted": in_words(receipt.get("erased", {})) or list(receipt.get("entries", {}).items()),
            "may_download": bool(row.path) and row.state == "done" and request.user.has_perm(PERMISSIONS["copy"]),
            "adapters": _adapters(receipt.get("adapters", ())),
            "asked_by": name_of(row.requested_by),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("state"), label=STATES)
    def state_label(self, row: DataRequest) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("found"))
    def found(self, row: DataRequest) -> int | str:
        counted = [*row.receipt.get("entries", {}).values()]
        counted += [count for _words, count in in_words(row.receipt.get("erased", {}))]
        return sum(counted) if row.receipt else "—"

    @display(description=_("requested by"))
    def who_asked(self, row: DataRequest) -> str:
        return name_of(row.requested_by) or "—"


def in_words(found: Mapping[str, Mapping[str, int]]) -> Sequence[tuple[str, int]]:
    """Every kind that there is something of."""
    counts = {kind: count for kinds in found.values() for kind, count in kinds.items() if count}
    return [(str(KINDS_IN_WORDS.get(kind, kind)), count) for kind, count in counts.items()]


def _adapters(ids: Sequence[int]) -> Sequence[Adapter]:
    return list(Adapter.objects.filter(pk__in=list(ids)))
