"""The screen of watched folders: which are read again, how their last reading went, and a button to read one now."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from retrieval.exceptions import SENTENCES, FolderRefused
from retrieval.folders import allowed_roots, watched_folder
from retrieval.ingestion import spelled
from retrieval.models import WatchedFolder
from retrieval.parsing.blocks import RejectionCode
from retrieval.refreshing import UNSETTLED, mark_documents
from retrieval.tasks import refresh_folder

BADGES = {
    "new": "info",
    "reading": "warning",
    "read": "success",
    "held": "danger",
    "unreachable": "danger",
    "failed": "warning",
}
PROBLEMS_SHOWN = 200


class NamesField(forms.CharField):
    """Names separated by commas, kept as a list."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return sorted({name.strip() for name in super().clean(value).split(",") if name.strip()})


class FolderForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    path = forms.CharField(label=_("Folder"), max_length=1000, widget=UnfoldAdminTextInputWidget)
    labels = NamesField(
        label=_("Labels"), required=False, help_text=_("Separated by commas. “local-only” never leaves this machine.")
    )
    groups = NamesField(
        label=_("Groups"),
        required=False,
        help_text=_("Who may find its documents, separated by commas. Empty means everyone."),
    )

    class Meta:
        model = WatchedFolder
        fields = ("path", "labels", "groups", "every_hours", "is_active")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        roots = ", ".join(spelled(root) for root in allowed_roots())
        self.fields["path"].help_text = gettext(
            "The folder's whole path on the machine where AION runs, within: %(roots)s"
        ) % {"roots": roots}
        if not self.instance._state.adding:
            self.fields["path"].disabled = True

    def clean_path(self) -> str:
        """The real path, which is kept; another watched folder may neither hold it nor lie in it."""
        if not self.instance._state.adding:
            return self.instance.path
        try:
            real = watched_folder(self.cleaned_data["path"])
        except FolderRefused as exc:
            raise forms.ValidationError(str(exc)) from exc
        watched = WatchedFolder.objects.filter(tenant=settings.PRIMARY_TENANT_ID, collection="main")
        for other in watched.values_list("path", flat=True):
            if real.is_relative_to(other) or Path(other).is_relative_to(real):
                raise forms.ValidationError(
                    gettext("%(other)s is watched already, and one of the two lies in the other.") % {"other": other}
                )
        return spelled(real)


class AcceptForm(forms.Form):
    """Carries how many documents staff were told of, so that a disk that went meanwhile takes no more along."""

    accepted = forms.IntegerField(min_value=0, widget=forms.HiddenInput)


@admin.register(WatchedFolder)
class WatchedFolderAdmin(ModelAdmin):
    """Folders that are read again on a schedule."""

    form = FolderForm
    list_display = ("path", "state_label", "outcome", "group_list", "every", "is_active", "last_read_at")
    list_filter = ("state", "is_active")
    search_fields = ("path",)
    ordering = ("path",)
    list_before_template = "admin/retrieval/folders_help.html"
    change_form_outer_before_template = "admin/retrieval/folder_status.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[WatchedFolder]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def save_model(self, request: HttpRequest, obj: WatchedFolder, form: Any, change: bool) -> None:
        """Changed labels and groups hold for what was read before, too; a new folder is read at once."""
        if not change:
            obj.tenant = settings.PRIMARY_TENANT_ID
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if change and {"labels", "groups"} & set(form.changed_data):
                mark_documents(obj)
            if not change:
                transaction.on_commit(partial(refresh_folder.delay, obj.pk))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is known of the files goes along and has no screen; the documents stay."""
        names = [str(folder) for folder in objs]
        return names, {_("watched folders"): len(names)}, set(), []

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.read_now)
        urls: list[URLPattern] = super().get_urls()
        return [path("<int:folder_id>/read/", view, name="retrieval_watchedfolder_read"), *urls]

    def read_now(self, request: HttpRequest, folder_id: int) -> HttpResponse:
        """Say what will happen, then have the folder read; documents of many vanished files go only if confirmed."""
        folder = self.get_object(request, str(folder_id))
        if folder is None:
            raise Http404
        if not self.has_change_permission(request, folder):
            raise PermissionDenied
        page = reverse("admin:retrieval_watchedfolder_change", args=[folder.pk])
        is_held = folder.state == WatchedFolder.State.HELD
        held = int(folder.last_report.get("held", 0)) if is_held else 0
        form = AcceptForm(request.POST or None, initial={"accepted": held})
        if request.method == "POST" and form.is_valid():
            accepted = min(form.cleaned_data["accepted"], held)
            transaction.on_commit(partial(refresh_folder.delay, folder.pk, accepted))
            self.log_change(request, folder, _read_in_words(accepted))
            messages.success(request, gettext("The folder is being read. Its report appears here when it is done."))
            return HttpResponseRedirect(page)
        return self._confirmation(request, folder, form, held, page)

    def _confirmation(
        self, request: HttpRequest, folder: WatchedFolder, form: AcceptForm, held: int, page: str
    ) -> HttpResponse:
        sentence = ngettext(
            "%(count)d file is gone. If you go on, its document is deleted, with its earlier versions. "
            "If only a disk is disconnected, connect it first and cancel here.",
            "%(count)d files are gone. If you go on, their documents are deleted, with their earlier versions. "
            "If only a disk is disconnected, connect it first and cancel here.",
            held,
        )
        calm = gettext("Only what changed since the last time is read; documents of files that are gone are removed.")
        context = {
            **self.admin_site.each_context(request),
            "title": _("Read now"),
            "explanation": sentence % {"count": held} if held else calm,
            "changes": [(_("folder"), folder.path, _("read again"))],
            "verb": _("Read and delete") if held else _("Read now"),
            "back": page,
            "hidden": [form["accepted"]],
            "danger": held > 0,
        }
        return TemplateResponse(request, "admin/panel/confirm.html", context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Above the form: the last report, and the files that could not be read."""
        folder: WatchedFolder | None = context.get("original")
        if folder is not None:
            rows = folder.files.exclude(problem="").order_by("path").values_list("path", "problem")
            context["folder"] = folder
            context["problems"] = [(file, problem_in_words(code)) for file, code in rows[:PROBLEMS_SHOWN]]
            context["in_progress"] = folder.state == WatchedFolder.State.READING
        return super().render_change_form(request, context, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        reading = self.get_queryset(request).filter(state=WatchedFolder.State.READING).exists()
        return super().changelist_view(request, {**(extra_context or {}), "in_progress": reading})

    @display(description=_("state"), ordering="state", label=BADGES)
    def state_label(self, folder: WatchedFolder) -> tuple[str, str]:
        return folder.state, folder.get_state_display()

    @display(description=_("last report"))
    def outcome(self, folder: WatchedFolder) -> str:
        return report_in_words(folder)

    @display(description=_("groups"))
    def group_list(self, folder: WatchedFolder) -> str:
        return ", ".join(folder.groups) or gettext("everyone")

    @display(description=_("reads"), ordering="every_hours")
    def every(self, folder: WatchedFolder) -> str:
        return ngettext("every hour", "every %(count)d hours", folder.every_hours) % {"count": folder.every_hours}


def report_in_words(folder: WatchedFolder) -> str:
    """How the last reading went, in one sentence; "—" before the first."""
    report = folder.last_report
    if folder.state == WatchedFolder.State.READING and folder.total:
        return gettext("%(done)d of %(total)d files") % {"done": folder.done, "total": folder.total}
    if folder.error or not report:
        return folder.error or "—"
    if report.get("held"):
        return gettext("%(held)d files are gone; their documents stay until you confirm it.") % report
    sentence = gettext("%(files)d files: %(stored)d new, %(replaced)d changed, %(retired)d removed") % report
    return f"{sentence}; " + gettext("%(skipped)d not readable") % report if report.get("skipped") else sentence


def problem_in_words(code: str) -> str:
    """Why a file is no document."""
    if code == UNSETTLED:
        return gettext("It was being written, or AION may not open it. The next reading tries again.")
    return str(SENTENCES.get(RejectionCode(code), code))


def _read_in_words(accepted: int) -> str:
    if not accepted:
        return gettext("Read now.")
    return gettext("Read now; the loss of up to %(count)d documents was confirmed.") % {"count": accepted}
