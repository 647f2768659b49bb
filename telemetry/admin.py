"""Screens of telemetry: answered questions with their whole path, events, feedback, exports. Screens only.

Those of money are in `telemetry.money_screens`, of the learning loop in `telemetry.loop_screens`, of reviews in
`telemetry.review_screen`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from telemetry.alarms.channel_screen import AlarmChannelAdmin
from telemetry.alarms.screens import AlarmAdmin, AlarmDeliveryAdmin, AlarmRuleAdmin
from telemetry.audit.screen import AuditEntryAdmin
from telemetry.export_jobs import settle_interrupted
from telemetry.loop_screens import LoopSettingsAdmin, TrainingSetAdmin
from telemetry.models import DatasetExport, Event, Feedback, Question, scope_in_words
from telemetry.money_screens import ExchangeRateAdmin, LedgerEntryAdmin, ModelPriceAdmin, ReservationAdmin
from telemetry.question_path import question_path, total_ms
from telemetry.review_screen import ReviewAdmin
from telemetry.review_views import REVIEW
from telemetry.reviews import in_force
from telemetry.screens import PeriodFilter, ReadOnlyAdmin, name_of

__all__ = [
    "AlarmAdmin",
    "AlarmChannelAdmin",
    "AlarmDeliveryAdmin",
    "AlarmRuleAdmin",
    "AuditEntryAdmin",
    "ExchangeRateAdmin",
    "LedgerEntryAdmin",
    "LoopSettingsAdmin",
    "ModelPriceAdmin",
    "ReservationAdmin",
    "ReviewAdmin",
    "TrainingSetAdmin",
]

ROUTE_LABELS = {"local": "success", "fallback": "info", "abstain": "warning", "failed": "danger"}
STATE_LABELS = {
    "queued": "info",
    "running": "warning",
    "done": "success",
    "failed": "danger",
}
VOTES = {1: _("useful"), 0: _("neutral"), -1: _("not useful")}


class MetaFilter(admin.SimpleListFilter):
    """Answers by a value in their details."""

    key = ""
    choices_of: tuple[tuple[str, Any], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> tuple[tuple[str, Any], ...]:
        return self.choices_of

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(**{f"meta__{self.key}": chosen}) if chosen in dict(self.choices_of) else queryset


class RouteFilter(MetaFilter):
    title = _("route")
    parameter_name = "route"
    key = "source"
    choices_of = (("local", _("local")), ("fallback", _("paid API")), ("abstain", _("not found")))


class StatusFilter(MetaFilter):
    title = _("outcome")
    parameter_name = "outcome"
    key = "status"
    choices_of = (("answered", _("answered")), ("failed", _("failed")))


class EventListAdmin(ReadOnlyAdmin):
    """Lists of events: never counted as a whole, since there may be ten million."""

    paginator = InfinitePaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-id",)


@admin.register(Question)
class QuestionAdmin(EventListAdmin):
    """Every answered question; its page tells how the answer came to be."""

    list_display = ("asked_at", "question", "route", "confidence", "took", "cost")
    list_display_links = ("asked_at", "question")
    list_filter = (RouteFilter, StatusFilter, PeriodFilter)
    search_fields = ("meta__prompt",)
    search_help_text = _("words of the question")
    change_form_template = "admin/telemetry/question.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Question]:
        return super().get_queryset(request).filter(kind=Event.Kind.ANSWER)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page of one question shows its path, not fields."""
        original = context["original"]
        context["path"] = question_path(original)
        context["review"] = review = in_force(original.pk, original.tenant)
        context["reviewer"] = name_of(review.reviewer_id) if review else ""
        context["may_review"] = request.user.has_perm(REVIEW) and original.meta.get("status") == "answered"
        context["title"] = _("Answered question")
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("when"), ordering="id")
    def asked_at(self, event: Question) -> Any:
        return event.at

    @display(description=_("question"))
    def question(self, event: Question) -> SafeString:
        return format_html('<span class="aion-clamp">{}</span>', event.meta.get("prompt") or "—")

    @display(description=_("route"), label=ROUTE_LABELS)
    def route(self, event: Question) -> tuple[str, Any]:
        if event.meta.get("status") == "failed":
            return "failed", _("failed")
        route = str(event.meta.get("source", ""))
        return route, dict(RouteFilter.choices_of).get(route, route or "—")

    @display(description=_("C / tau"))
    def confidence(self, event: Question) -> str:
        return f"{_two(event.meta.get('C'))} / {_two(event.meta.get('tau'))}"

    @display(description=_("took"))
    def took(self, event: Question) -> str:
        taken = total_ms(event.meta)
        return "—" if taken is None else f"{number_format(round(taken / 1000, 1), 1)} s"

    @display(description=_("cost"))
    def cost(self, event: Question) -> str:
        cost = event.meta.get("costUsd") or 0
        return f"US$ {number_format(round(cost, 4), 4)}" if cost else "—"


@admin.register(Event)
class EventAdmin(EventListAdmin):
    """Everything recorded, as it was recorded."""

    list_display = ("at", "kind_label", "value", "summary")
    list_display_links = ("at",)
    list_filter = ("kind", PeriodFilter)
    fields = ("id", "kind", "value", "at", "tenant", "schema", "meta")

    @display(description=_("kind"), ordering="kind", label=True)
    def kind_label(self, event: Event) -> str:
        return event.get_kind_display()

    @display(description=_("summary"))
    def summary(self, event: Event) -> SafeString:
        meta = event.meta
        if event.kind == Event.Kind.BUDGET:
            scope = scope_in_words(meta["group"], meta["keyId"], meta["keyName"])
            return format_html("{} %: {}", meta["percent"], scope)
        if event.kind == Event.Kind.LOOP:
            about = (meta.get(name) for name in ("adapter", "nightId", "set"))
            return format_html("{}: {}", meta["alarm"], next(filter(None, about), "—"))
        text = meta.get("prompt") or meta.get("query") or meta.get("reason") or meta.get("error") or "—"
        return format_html('<span class="aion-clamp">{}</span>', text)


@admin.register(Feedback)
class FeedbackAdmin(ReadOnlyAdmin):
    """What people thought of the answers."""

    list_display = ("created_at", "vote_label", "asked", "comment", "corrected")
    list_display_links = ("created_at", "asked")
    list_filter = ("vote",)
    search_fields = ("question", "comment", "correction")
    fields = ("created_at", "vote_name", "question", "reply", "comment", "correction", "relevant_sources", "answer")
    readonly_fields = ("answer", "vote_name")

    @display(description=_("vote"), ordering="vote", label={1: "success", 0: "info", -1: "danger"})
    def vote_label(self, feedback: Feedback) -> tuple[int, Any]:
        return feedback.vote, VOTES[feedback.vote]

    @display(description=_("vote"))
    def vote_name(self, feedback: Feedback) -> Any:
        return VOTES[feedback.vote]

    @display(description=_("question"))
    def asked(self, feedback: Feedback) -> SafeString:
        return format_html('<span class="aion-clamp">{}</span>', feedback.question)

    @display(description=_("corrected"), boolean=True)
    def corrected(self, feedback: Feedback) -> bool:
        return bool(feedback.correction)

    @display(description=_("answer"))
    def answer(self, feedback: Feedback) -> SafeString:
        address = reverse("admin:telemetry_question_change", args=[feedback.event_id])
        return format_html('<a class="aion-link" href="{}">{}</a>', address, _("See how this answer came to be"))


@admin.register(DatasetExport)
class DatasetExportAdmin(ReadOnlyAdmin):
    """The exports made, each with its manifest to download."""

    list_display = ("created_at", "state_label", "rows", "window", "asked_by", "manifest_link")
    list_filter = ("state",)
    fields = (
        "created_at",
        "state",
        "window",
        "formats",
        "rows",
        "path",
        "asked_by",
        "finished_at",
        "error",
        "manifest",
    )
    readonly_fields = ("window", "asked_by")

    def get_queryset(self, request: HttpRequest) -> QuerySet[DatasetExport]:
        """None that says it runs when its process is gone."""
        settle_interrupted(settings.PRIMARY_TENANT_ID)
        exports: QuerySet[DatasetExport] = super().get_queryset(request)
        return exports

    def get_urls(self) -> list[Any]:
        """The manifest's download beside the usual pages."""
        from django.urls import path

        view: Callable[..., HttpResponse] = self.admin_site.admin_view(self.download_manifest)
        own = [path("<uuid:export_id>/manifest.json", view, name="telemetry_datasetexport_manifest")]
        urls: list[Any] = super().get_urls()
        return own + urls

    def download_manifest(self, request: HttpRequest, export_id: uuid.UUID) -> HttpResponse:
        """The manifest of one export as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        export = self.get_object(request, str(export_id))
        if export is None or not export.manifest:
            raise Http404
        response = JsonResponse(export.manifest, json_dumps_params={"indent": 2, "ensure_ascii": False})
        response["Content-Disposition"] = f'attachment; filename="manifest-{export.created_at:%Y-%m-%d}.json"'
        return response

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, export: DatasetExport) -> tuple[str, str]:
        return export.state, export.get_state_display()

    @display(description=_("window"))
    def window(self, export: DatasetExport) -> str:
        return f"{timezone.localtime(export.since):%d/%m/%Y} – {timezone.localtime(export.until):%d/%m/%Y}"

    @display(description=_("requested by"))
    def asked_by(self, export: DatasetExport) -> str:
        if export.requested_by is None:
            return gettext("the schedule")
        return str(get_user_model().objects.filter(pk=export.requested_by).first() or "—")

    @display(description=_("manifest"))
    def manifest_link(self, export: DatasetExport) -> SafeString | str:
        if not export.manifest:
            return "—"
        address = reverse("admin:telemetry_datasetexport_manifest", args=[export.pk])
        return format_html('<a class="aion-link" href="{}">{}</a>', address, _("Download"))


def _two(value: Any) -> str:
    return number_format(value, 2) if isinstance(value, int | float) else "—"
