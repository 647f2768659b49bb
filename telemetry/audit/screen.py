"""The audit trail in the panel: filtered, each act with before and after side by side, taken out as a file."""

from __future__ import annotations

import functools
from datetime import datetime
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from telemetry.audit.lines import FORMS, lines_of
from telemetry.audit.trail import Action, write
from telemetry.models import AuditEntry
from telemetry.screens import PeriodFilter, ReadOnlyAdmin

EXPORT = "telemetry.export_audit"
LABELS = dict.fromkeys(Action, "default") | {  # one that is not among them is shown by its code
    Action.ADDED: "success",
    Action.DELETED: "danger",
    Action.ERASED: "danger",
    Action.REFUSED: "warning",
    Action.DOWNLOADED: "info",
    Action.EXPORTED: "info",
}


class MomentFilter(PeriodFilter):
    """The same periods of rows that have a moment of their own."""

    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(at__gte=moment)


class ActorFilter(admin.SimpleListFilter):
    """Whoever did something; names as they were then."""

    title = _("who")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        names = AuditEntry.objects.exclude(actor="").order_by("actor").values_list("actor", flat=True).distinct()
        return [(name, name) for name in names[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        return queryset.filter(actor=self.value()) if self.value() else queryset


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Read only, for everybody: the database refuses changes too."""

    list_display = ("when", "who", "act", "what", "said", "source", "address")
    list_display_links = ("when", "act")
    list_filter = ("action", "source", MomentFilter, ActorFilter)
    search_fields = ("object_name", "detail", "reason", "actor")
    search_help_text = _("words of the object, the reason or the detail; a login")
    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    change_form_template = "admin/telemetry/audit_entry.html"
    list_before_template = "admin/telemetry/audit_help.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEntry]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.take_out)
        urls: list[URLPattern] = super().get_urls()
        return [path("export/<str:form>/", view, name="telemetry_auditentry_export"), *urls]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        about = {"may_export": request.user.has_perm(EXPORT), "chosen": request.GET.urlencode()}
        return super().changelist_view(request, {**(extra_context or {}), **about})

    def take_out(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """What the list shows with these filters, as a file; taking it out is an act too."""
        if not request.user.has_perm(EXPORT):
            raise PermissionDenied
        if form not in FORMS:
            raise Http404
        try:
            chosen = self.get_changelist_instance(request).get_queryset(request).order_by("id")
        except IncorrectLookupParameters as exc:
            raise Http404 from exc
        name = f"auditoria-{timezone.localdate():%Y-%m-%d}.{form}"
        write(Action.DOWNLOADED, object_type="telemetry.auditentry", object_name=name, detail=request.GET.urlencode())
        response = StreamingHttpResponse(lines_of(chosen.iterator(chunk_size=2000), form), content_type=FORMS[form])
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "no-store"
        return response

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        entry: AuditEntry = context["original"]
        names = list({**entry.before, **entry.after})
        compared = [(_field(entry, n), _shown(entry.before.get(n)), _shown(entry.after.get(n))) for n in names]
        about = {"entry": entry, "compared": compared, "who": self.who(entry), "what": self.what(entry)}
        return super().render_change_form(request, {**context, **about, "title": str(entry)}, *args, **kwargs)

    @display(description=_("when"), ordering="id")
    def when(self, entry: AuditEntry) -> str:
        return date_format(timezone.localtime(entry.at), "SHORT_DATETIME_FORMAT")

    @display(description=_("who"))
    def who(self, entry: AuditEntry) -> str:
        return entry.actor or ("AION" if entry.source == entry.Source.SYSTEM else "—")

    @display(description=_("what was done"), label=LABELS)
    def act(self, entry: AuditEntry) -> tuple[str, str]:
        return entry.action, entry.get_action_display()

    @display(description=_("object"))
    def what(self, entry: AuditEntry) -> str:
        kind = _model_name(entry.object_type)
        named = entry.object_name or entry.object_id
        return f"{kind}: {named}" if kind and named and not named.startswith(kind) else named or kind or "—"

    @display(description=_("why"))
    def said(self, entry: AuditEntry) -> str:
        text = entry.reason or entry.detail
        return text if len(text) <= 90 else f"{text[:90]}…"


@functools.cache
def _model(label: str) -> Any:
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):  # of a version of AION that had it
        return None


def _model_name(label: str) -> str:
    model = _model(label)
    return capfirst(str(model._meta.verbose_name)) if model is not None else label


def _field(entry: AuditEntry, name: str) -> str:
    model = _model(entry.object_type)
    try:
        return capfirst(str(model._meta.get_field(name).verbose_name)) if model is not None else name
    except FieldDoesNotExist:
        return name


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return "\n".join(map(str, value)) or "—"
    return "—" if value in (None, "") else str(value)
