"""Screens of the documents: what is known, its text with the chunks, and files sent from the browser. Screens only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from retrieval.crawl_screens import CrawledPageAdmin, SiteAdmin
from retrieval.documents import delete_document, set_groups, set_labels
from retrieval.embedder_screen import EmbeddingGenerationAdmin
from retrieval.exceptions import DocumentRejected
from retrieval.folders_screen import WatchedFolderAdmin
from retrieval.freshness_screen import FreshnessPages, ValidityFilter
from retrieval.golden_screen import GoldenQuestionAdmin
from retrieval.models import Document, IngestJob
from retrieval.uploads import accept_upload

__all__ = [
    "CrawledPageAdmin",
    "DocumentAdmin",
    "EmbeddingGenerationAdmin",
    "GoldenQuestionAdmin",
    "IngestJobAdmin",
    "SiteAdmin",
    "WatchedFolderAdmin",
]

STATE_LABELS = {
    "ready": "success",
    "outdated": "warning",
    "needs_ocr": "warning",
    "queued": "info",
    "running": "warning",
    "done": "success",
    "failed": "danger",
}
TEXT_SHOWN = 200_000  # characters; beyond it a browser gets slow


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document's text; `chunk_id` is None between chunks."""

    text: str
    chunk_id: int | None = None
    ordinal: int | None = None
    section: str = ""
    page: int | None = None
    token_count: int = 0


class AccessForm(forms.Form):
    """What documents are marked with."""

    labels = forms.CharField(
        label=_("Labels"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Separated by commas. “local-only” never leaves this machine."),
    )
    groups = forms.CharField(
        label=_("Groups"),
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Who may find them, separated by commas. Empty means everyone."),
    )

    def clean_labels(self) -> tuple[str, ...]:
        return _names(self.cleaned_data["labels"])

    def clean_groups(self) -> tuple[str, ...]:
        return _names(self.cleaned_data["groups"])


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """One file or several."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        files = data or [None]  # so that none at all is found missing
        return [super(ManyFilesField, self).clean(file, initial) for file in files]


class UploadForm(AccessForm):
    """Files, and what all of them are marked with."""

    uploads = ManyFilesField(
        label=_("Files"),
        help_text=_("PDF, DOCX, PPTX, XLSX, HTML, Markdown, text, CSV, JSON or e-mail (EML); several at once."),
    )


@admin.register(Document)
class DocumentAdmin(FreshnessPages):
    """The documents AION answers from; they come in by upload, by command or from watched folders, and are only deleted
    here."""

    list_display = (
        "name",
        "state_label",
        "validity_label",
        "label_list",
        "group_list",
        "chunk_count",
        "size",
        "updated_at",
    )
    list_filter = ("state", ValidityFilter, "media_type")
    search_fields = ("title", "source")
    ordering = ("-updated_at",)
    list_before_template = "admin/retrieval/documents_help.html"
    change_form_template = "admin/retrieval/document.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Document]:
        """This tenant's own documents, without their text (evaluation's scratch collections are not shown)."""
        rows = super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID, collection="main")
        return rows.defer("text")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        scanned = self.get_queryset(request).filter(state=Document.State.NEEDS_OCR).count()
        return super().changelist_view(request, {**(extra_context or {}), "scanned": scanned})

    def delete_model(self, request: HttpRequest, obj: Document) -> None:
        delete_document(obj.pk, tenant=obj.tenant)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Document]) -> None:
        for document in queryset:
            delete_document(document.pk, tenant=document.tenant)

    def get_urls(self) -> list[URLPattern]:
        """Who may find a document, beside the usual pages."""
        view = self.admin_site.admin_view(self.change_access)
        urls: list[URLPattern] = super().get_urls()
        return [path("<uuid:document_id>/access/", view, name="retrieval_document_access"), *urls]

    def change_access(self, request: HttpRequest, document_id: UUID) -> HttpResponse:
        """Labels and groups of one document: shown, then changed."""
        if not self.may_change_access(request):
            raise PermissionDenied
        document = self.get_object(request, str(document_id))
        if document is None:
            raise Http404
        page = reverse("admin:retrieval_document_change", args=[document.pk])
        before = {"labels": ", ".join(document.labels), "groups": ", ".join(document.groups)}
        form = AccessForm(request.POST or None, initial=before)
        if request.method == "POST" and form.is_valid():
            set_labels(document.pk, form.cleaned_data["labels"], tenant=document.tenant)
            set_groups(document.pk, form.cleaned_data["groups"], tenant=document.tenant)
            self.log_change(request, document, gettext("Changed labels and groups."))
            messages.success(request, gettext("The new labels and groups hold from the next question on."))
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Labels and groups"),
            "explanation": document.title,
            "changes": [
                (_("labels"), before["labels"] or "—", _("as below")),
                (_("groups"), before["groups"] or gettext("everyone"), _("as below")),
            ],
            "verb": _("Save"),
            "back": page,
            "form": form,
        }
        return TemplateResponse(request, "admin/panel/confirm.html", context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Chunks go with their document and have no screen, so they need no permission of their own."""
        names = [str(document) for document in objs]
        chunks = sum(document.chunk_count for document in objs)
        return names, {_("documents"): len(names), _("chunks"): chunks}, set(), []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page shows the text with its chunks marked."""
        document: Document = context["original"]
        context["may_change_access"] = self.may_change_access(request)
        context["passages"] = list(passages_of(document))
        context["is_cut"] = len(document.text) > TEXT_SHOWN
        context["size"] = filesizeformat(document.size_bytes)
        context["title"] = document.title
        context |= self.freshness_of(document)
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("title"), ordering="title")
    def name(self, document: Document) -> SafeString:
        return format_html('<span class="aion-clamp">{}</span>', document.title)

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, document: Document) -> tuple[str, Any]:
        names = {"ready": _("ready"), "outdated": _("outdated"), "needs_ocr": _("needs OCR")}
        return document.state, names.get(document.state, document.state)

    @display(description=_("labels"))
    def label_list(self, document: Document) -> str:
        return ", ".join(document.labels) or "—"

    @display(description=_("groups"))
    def group_list(self, document: Document) -> str:
        return ", ".join(document.groups) or gettext("everyone")

    @display(description=_("size"), ordering="size_bytes")
    def size(self, document: Document) -> str:
        return filesizeformat(document.size_bytes)


@admin.register(IngestJob)
class IngestJobAdmin(ModelAdmin):
    """Files on their way in, with their progress and what was skipped and why."""

    list_display = ("filename", "state_label", "progress", "outcome", "requested_by", "created_at")
    list_filter = ("state",)
    list_select_related = ("requested_by",)
    search_fields = ("filename",)
    ordering = ("-created_at",)
    list_before_template = "admin/retrieval/uploads_help.html"
    change_form_template = "admin/retrieval/upload.html"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Send files; each becomes a job of its own."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = UploadForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            self._accept(request, form)
            return HttpResponseRedirect(reverse("admin:retrieval_ingestjob_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Send documents"),
            "form": form,
            "opts": self.opts,
        }
        return TemplateResponse(request, "admin/retrieval/send.html", context)

    def _accept(self, request: HttpRequest, form: UploadForm) -> None:
        accepted = 0
        for file in form.cleaned_data["uploads"]:
            try:
                job = accept_upload(
                    file,
                    tenant=settings.PRIMARY_TENANT_ID,
                    labels=form.cleaned_data["labels"],
                    groups=form.cleaned_data["groups"],
                    user_id=request.user.pk,
                )
            except DocumentRejected as exc:
                messages.error(request, f"{file.name}: {exc}")
                continue
            self.log_addition(request, job, gettext("Sent."))
            accepted += 1
        if accepted:
            sentence = ngettext("%(count)d file was received.", "%(count)d files were received.", accepted)
            messages.success(request, sentence % {"count": accepted})

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        waiting = IngestJob.objects.filter(state__in=(IngestJob.State.QUEUED, IngestJob.State.RUNNING)).exists()
        return super().changelist_view(request, {**(extra_context or {}), "in_progress": waiting})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        job: IngestJob = context["original"]
        context["rows"] = job.report.get("documents", ())
        context["in_progress"] = job.state in (IngestJob.State.QUEUED, IngestJob.State.RUNNING)
        context["title"] = job.filename
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, job: IngestJob) -> tuple[str, str]:
        return job.state, job.get_state_display()

    @display(description=_("progress"))
    def progress(self, job: IngestJob) -> SafeString | str:
        if not job.total:
            return "—"
        return format_html('<progress max="{1}" value="{0}">{0}/{1}</progress> {0}/{1}', job.done, job.total)

    @display(description=_("result"))
    def outcome(self, job: IngestJob) -> str:
        if job.error:
            return job.error
        return "; ".join(row.get("reason") or row.get("status", "") for row in job.report.get("documents", ())) or "—"


def passages_of(document: Document) -> Iterator[Passage]:
    """The text cut at its chunks, in order; overlapping chunks begin where the one before ended."""
    text, reached = document.text[:TEXT_SHOWN], 0
    for chunk in document.chunks.order_by("start", "ordinal"):
        start, end = max(reached, chunk.start), min(chunk.end, len(text))
        if end <= start:
            continue
        if start > reached and text[reached:start].strip():
            yield Passage(text[reached:start])
        yield Passage(text[start:end], chunk.pk, chunk.ordinal, chunk.section, chunk.page, chunk.token_count)
        reached = end
    if text[reached:].strip():
        yield Passage(text[reached:])


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
