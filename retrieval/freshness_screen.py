"""Of the documents' screen: the days on which each is found, and its versions. Pages and badges only."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from retrieval.differences import difference
from retrieval.documents import set_validity
from retrieval.exceptions import VersionRefused
from retrieval.models import Document
from retrieval.restoring import find_version, refuse_what_is_stored
from retrieval.tasks import restore_version
from retrieval.validity import Validity, documents_that_are, today, validity
from retrieval.versions import KEPT

TEXT_COMPARED = 200_000  # characters of each
NAMES = {
    Validity.VALID: _("valid today"),
    Validity.ENDING: _("expires within 30 days"),
    Validity.EXPIRED: pgettext_lazy("a document", "expired"),
    Validity.COMING: _("not yet valid"),
}
BADGES = {"valid": "success", "ending": "warning", "expired": "danger", "coming": "info"}
COLOURS = {"valid": "aion-green", "ending": "aion-amber", "expired": "aion-red", "coming": "aion-blue"}


class DayInput(UnfoldAdminTextInputWidget):
    """The browser's own calendar, which wants and gives ISO dates whatever the language."""

    input_type = "date"

    def format_value(self, value: Any) -> str | None:
        return value.isoformat() if isinstance(value, date) else super().format_value(value)


class ValidityFilter(admin.SimpleListFilter):
    """Documents by what their dates say of today."""

    title = _("validity")
    parameter_name = "validity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name.value, words) for name, words in NAMES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(documents_that_are(Validity(chosen), today())) if chosen in BADGES else queryset


class ValidityForm(forms.Form):
    """From when and until when a document is found."""

    first = forms.DateField(
        label=_("Valid from"),
        required=False,
        widget=DayInput,
        help_text=_("The first day on which AION answers from it. Empty: at once."),
    )
    last = forms.DateField(
        label=_("Valid until"),
        required=False,
        widget=DayInput,
        help_text=_("The last day on which AION answers from it. From midnight on it is not found. Empty: for good."),
    )

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        first, last = values.get("first"), values.get("last")
        if first and last and last < first:
            self.add_error("last", _("This day is before the first one."))
        return values


class FreshnessPages(ModelAdmin):
    """What the documents' screen is built on; changing anything needs the right to change documents."""

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        here = [
            path("<uuid:document_id>/validity/", wrap(self.change_validity), name="retrieval_document_validity"),
            path("<uuid:document_id>/versions/<int:number>/", wrap(self.compare), name="retrieval_document_version"),
            path(
                "<uuid:document_id>/versions/<int:number>/restore/",
                wrap(self.restore),
                name="retrieval_document_restore",
            ),
        ]
        urls: list[URLPattern] = super().get_urls()
        return [*here, *urls]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Says how many documents expire soon."""
        ending = self.get_queryset(request).filter(documents_that_are(Validity.ENDING, today())).count()
        return super().changelist_view(request, {**(extra_context or {}), "ending": ending})

    def freshness_of(self, document: Document) -> dict[str, Any]:
        """What the document's page shows of its dates and versions."""
        now = validity(document.valid_from, document.valid_until, today())
        badge = format_html('<span class="aion-badge {}">{}</span>', COLOURS[now], NAMES[now])
        versions = document.versions.defer("text", "places").order_by("-number")
        return {"validity_badge": badge, "versions": versions, "kept": KEPT}

    @display(description=_("validity"), label=BADGES)
    def validity_label(self, document: Document) -> tuple[str, Any]:
        now = validity(document.valid_from, document.valid_until, today())
        return now.value, NAMES[now]

    def change_validity(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        """The dates of one document: shown, then changed."""
        document = self._document(request, document_id, to_change=True)
        page = reverse("admin:retrieval_document_change", args=[document.pk])
        form = ValidityForm(request.POST or None, initial={"first": document.valid_from, "last": document.valid_until})
        if request.method == "POST" and form.is_valid():
            set_validity(document.pk, form.cleaned_data["first"], form.cleaned_data["last"], tenant=document.tenant)
            self.log_change(request, document, gettext("Changed the validity."))
            messages.success(request, gettext("The new dates hold from the next question on."))
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Validity"),
            "explanation": document.title,
            "changes": [
                (_("valid from"), _day(document.valid_from), _("as below")),
                (_("valid until"), _day(document.valid_until), _("as below")),
            ],
            "verb": _("Save"),
            "back": page,
            "form": form,
        }
        return TemplateResponse(request, "admin/panel/confirm.html", context)

    def compare(self, request: HttpRequest, document_id: UUID, number: int) -> HttpResponse:
        """An earlier version beside the newest."""
        document = self._document(request, document_id)
        try:
            version = find_version(document.pk, number, tenant=document.tenant)
        except VersionRefused as exc:
            raise Http404 from exc
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Version %(number)d") % {"number": number},
            "document": document,
            "version": version,
            "difference": difference(version.text[:TEXT_COMPARED], document.text[:TEXT_COMPARED]),
            "may_restore": self.may_change_access(request),
        }
        return TemplateResponse(request, "admin/retrieval/version.html", context)

    def restore(self, request: HttpRequest, document_id: UUID, number: int) -> HttpResponse:
        """Say what will happen, then have the worker do it: embedding takes a moment."""
        document = self._document(request, document_id, to_change=True)
        page = reverse("admin:retrieval_document_change", args=[document.pk])
        blocked = ""
        try:
            refuse_what_is_stored(find_version(document.pk, number, tenant=document.tenant))
        except VersionRefused as exc:
            blocked = str(exc)
        if request.method == "POST" and not blocked:
            transaction.on_commit(partial(restore_version.delay, str(document.pk), number))
            self.log_change(request, document, gettext("Restored version %(number)d.") % {"number": number})
            messages.success(request, gettext("The version is being restored; until then the present one answers."))
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Restore a version"),
            "explanation": gettext(
                "What the document said then becomes its newest version. What it says now is kept as a version. "
                "It stays so until its file changes again or is sent again."
            ),
            "changes": [(_("version"), document.version, document.version + 1)],
            "verb": _("Restore"),
            "back": page,
            "blocked": blocked,
        }
        return TemplateResponse(request, "admin/panel/confirm.html", context)

    def may_change_access(self, request: HttpRequest) -> bool:
        """The right to change documents; the text itself is nobody's to edit."""
        return request.user.has_perm("retrieval.change_document")

    def _document(self, request: HttpRequest, document_id: UUID, *, to_change: bool = False) -> Document:
        document = self.get_object(request, str(document_id))
        if document is None:
            raise Http404
        if not (self.may_change_access(request) if to_change else self.has_view_permission(request, document)):
            raise PermissionDenied
        assert isinstance(document, Document)  # noqa: S101 - the screen's own
        return document


def _day(day: Any) -> str:
    return date_format(day, "SHORT_DATE_FORMAT") if day else gettext("no limit")
