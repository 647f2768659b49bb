"""Screens of the sites: the whitelist, a preview of a visit, "visit now", and the pages with their state."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from redis import RedisError
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from retrieval.crawling.preview import SHOWN, preview
from retrieval.crawling.reasons import FetchFailed, Reason
from retrieval.crawling.sites import change_access, is_due, remove_site, request_visit
from retrieval.crawling.urls import canonical
from retrieval.crawling.words import nothing_read, report_in_words
from retrieval.golden_screen import Lines
from retrieval.models import CrawledPage, Site

Status = CrawledPage.Status


class Names(forms.CharField):
    """Names separated by commas."""

    widget = UnfoldAdminTextInputWidget

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        return sorted({name.strip() for name in super().clean(value).split(",") if name.strip()})


class SiteForm(forms.ModelForm):  # type: ignore[type-arg]  # generic in the stubs only
    include = Lines(
        label=_("Only these paths"),
        required=False,
        help_text=_("Such as /atendimento, one a line. Empty means the whole site."),
    )
    exclude = Lines(
        label=_("Never these paths"),
        required=False,
        help_text=_("Such as /noticias/antigas, one a line. Pages of theirs that were read leave the search."),
    )
    labels = Names(
        label=_("Labels"),
        required=False,
        help_text=_("Separated by commas. “local-only” never leaves this machine."),
    )
    groups = Names(
        label=_("Groups"),
        required=False,
        help_text=_("Who may find them, separated by commas. Empty means everyone."),
    )

    class Meta:
        model = Site
        fields = (
            "address", "is_active", "every_hours", "include", "exclude", "max_pages", "max_depth", "labels", "groups",
        )  # fmt: skip
        widgets = {"address": UnfoldAdminTextInputWidget}

    def clean_address(self) -> str:
        """As it is stored and compared; people leave `https://` out."""
        typed = self.cleaned_data["address"].strip()
        try:
            address = canonical(typed if "://" in typed else f"https://{typed}")
        except FetchFailed as exc:
            raise forms.ValidationError(exc.reason.label) from exc
        twins = Site.objects.filter(tenant=settings.PRIMARY_TENANT_ID, address=address).exclude(pk=self.instance.pk)
        if twins.exists():
            raise forms.ValidationError(gettext("This address is on the list already."))
        return address


@admin.register(Site)
class SiteAdmin(SimpleHistoryAdmin, ModelAdmin):
    """The whitelist: what is not on it is never asked for."""

    form = SiteForm
    list_display = ("address", "state_label", "page_count", "last_visit", "outcome")
    list_filter = ("is_active",)
    search_fields = ("address",)
    ordering = ("address",)
    fieldsets = (
        (None, {"fields": ("address", "is_active", "every_hours")}),
        (_("What is read"), {"fields": ("include", "exclude", "max_pages", "max_depth")}),
        (_("Who may find it"), {"fields": ("labels", "groups")}),
    )
    list_before_template = "admin/retrieval/sites_help.html"
    change_form_outer_before_template = "admin/retrieval/site_actions.html"
    history_list_display = ("is_active", "every_hours", "max_pages")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        read = Count("pages", filter=Q(pages__status=Status.READ))
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID).annotate(read=read)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:site_id>/preview/", view(self.preview), name="retrieval_site_preview"),
            path("<int:site_id>/visit/", view(self.visit), name="retrieval_site_visit"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> None:
        """A site's labels and groups hold for its pages at once."""
        before = Site.objects.filter(pk=obj.pk).values("labels", "groups").first()
        obj.tenant = settings.PRIMARY_TENANT_ID
        super().save_model(request, obj, form, change)
        if before is not None:
            change_access(obj, labels=before["labels"], groups=before["groups"])

    def response_add(self, request: HttpRequest, obj: Site, post_url_continue: str | None = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:retrieval_site_preview", args=[obj.pk]))

    def delete_model(self, request: HttpRequest, obj: Site) -> None:
        remove_site(obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Site]) -> None:
        for site in queryset:
            remove_site(site)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Its pages leave the search with it; they need no permission of their own."""
        found = CrawledPage.objects.filter(site__in=[site.pk for site in objs], status=Status.READ).count()
        return [str(site) for site in objs], {_("sites"): len(objs), _("documents"): found}, set(), []

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if (site := context.get("original")) is not None:
            context["said"] = report_in_words(site)
            context["retired"] = [
                (page["url"], Reason(page["reason"]).label) for page in site.report.get("retired_pages", ())
            ]
            context["is_visiting"] = site.visit_started_at is not None
        return super().render_change_form(request, context, *args, **kwargs)

    def preview(self, request: HttpRequest, site_id: int) -> HttpResponse:
        """Asks the site itself, at its own pace, so it takes a few seconds."""
        site = self._site(request, site_id)
        try:
            seen, problem = preview(site), ""
        except RedisError:
            seen, problem = None, gettext("The queue cannot be reached; see the panel's lights.")
        if seen is not None and seen.problem:
            problem = nothing_read(seen.problem)
        context = {
            **self.admin_site.each_context(request),
            "title": _("What a visit would read"),
            "site": site,
            "seen": seen,
            "problem": problem,
            "fetched": seen.fetched[:SHOWN] if seen else (),
            "left_out": [(each.url, Reason(each.reason).label) for each in seen.left_out[:SHOWN]] if seen else (),
        }
        return TemplateResponse(request, "admin/retrieval/site_preview.html", context)

    def visit(self, request: HttpRequest, site_id: int) -> HttpResponse:
        """GET shows what will happen, POST has a worker do it."""
        site = self._site(request, site_id)
        page = reverse("admin:retrieval_site_change", args=[site.pk])
        is_busy = site.visit_started_at is not None
        if request.method == "POST" and not is_busy:
            request_visit(site.pk)
            self.log_change(request, site, gettext("Asked for a visit."))
            messages.success(request, gettext("The visit begins as soon as a worker is free."))
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Visit the site now"),
            "explanation": _(
                "AION reads the site's pages in the background, at the pace the site asks for. Pages that changed are "
                "replaced, and those that vanished leave the search."
            ),
            "changes": [(_("last visit"), _when(site), gettext("now"))],
            "blocked": gettext("The site is being visited; wait until it is done.") if is_busy else "",
            "verb": _("Visit now"),
            "back": page,
        }
        return TemplateResponse(request, "admin/panel/confirm.html", context)

    def _site(self, request: HttpRequest, site_id: int) -> Site:
        """For who may change it: asking a site has effects out there."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        site = self.get_queryset(request).filter(pk=site_id).first()
        if site is None:
            raise Http404
        return site

    @display(
        description=_("state"),
        label={"visiting": "info", "problem": "danger", "off": "warning", "due": "info", "current": "success"},
    )
    def state_label(self, site: Site) -> tuple[str, str]:
        if site.visit_started_at is not None:
            return "visiting", gettext("being visited")
        if site.report.get("problem"):
            return "problem", gettext("could not be read")
        if not site.is_active:
            return "off", gettext("not visited by itself")
        if is_due(site, timezone.now()):
            return "due", gettext("visited in a few minutes")
        return "current", pgettext("a site", "up to date")

    @display(description=_("pages read"), ordering="read")
    def page_count(self, site: Site) -> int:
        return int(site.read)  # type: ignore[attr-defined]  # annotated by `get_queryset`

    @display(description=_("last visit"), ordering="visited_at")
    def last_visit(self, site: Site) -> str:
        return _when(site)

    @display(description=_("result"))
    def outcome(self, site: Site) -> str:
        return report_in_words(site) or "—"


@admin.register(CrawledPage)
class CrawledPageAdmin(ModelAdmin):
    """Every page that visits took up, and why one is not in the search."""

    list_display = ("url", "state_label", "why", "in_search", "visited_at")
    list_filter = ("status", "reason", "site")
    list_select_related = ("site", "document")
    search_fields = ("url",)
    ordering = ("url",)
    fields = (
        "url", "site", "state_label", "why", "detail", "in_search", "depth", "first_seen", "last_seen", "visited_at",
        "changed_at", "retired_at",
    )  # fmt: skip
    readonly_fields = fields
    list_before_template = "admin/retrieval/pages_help.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CrawledPage]:
        rows = super().get_queryset(request).filter(site__tenant=settings.PRIMARY_TENANT_ID)
        return rows.defer("links", "document__text")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @display(
        description=_("state"),
        ordering="status",
        label={"waiting": "info", "read": "success", "failed": "warning", "refused": "warning", "gone": "danger"},
    )
    def state_label(self, page: CrawledPage) -> tuple[str, str]:
        return page.status, page.get_status_display()

    @display(description=_("why"), ordering="reason")
    def why(self, page: CrawledPage) -> str:
        return page.get_reason_display() or "—"

    @display(description=_("document"))
    def in_search(self, page: CrawledPage) -> SafeString | str:
        if page.document is None:
            return "—"
        address = reverse("admin:retrieval_document_change", args=[page.document.pk])
        return format_html('<a class="aion-link aion-clamp" href="{}">{}</a>', address, page.document.title)


def _when(site: Site) -> str:
    return localize(timezone.localtime(site.visited_at)) if site.visited_at else gettext("never")
