"""The list of reviews: what staff found of the answers. They are given in the queue (`telemetry.review_views`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from telemetry.models import Review
from telemetry.review_views import review_queue
from telemetry.screens import PeriodFilter, ReadOnlyAdmin, name_of

VERDICT_LABELS = {"approved": "success", "corrected": "info", "rejected": "danger"}


class VerdictPeriodFilter(PeriodFilter):
    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(decided_at__gte=moment)


class ReviewerFilter(admin.SimpleListFilter):
    title = _("reviewer")
    parameter_name = "reviewer"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        ids = Review.objects.order_by("reviewer_id").values_list("reviewer_id", flat=True).distinct()
        return [(str(reviewer_id), name_of(reviewer_id) or "—") for reviewer_id in ids]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        return queryset.filter(reviewer_id=int(chosen)) if chosen.isdecimal() else queryset


@admin.register(Review)
class ReviewAdmin(ReadOnlyAdmin):
    """Read-only: who knows better reviews the answer again."""

    list_display = ("decided_at", "verdict_label", "asked", "reviewer", "answer")
    list_display_links = ("decided_at", "asked")
    list_per_page = 50
    list_filter = ("verdict", ReviewerFilter, VerdictPeriodFilter)
    search_fields = ("question", "reply", "correction")
    list_before_template = "admin/telemetry/reviews_help.html"
    fields = ("decided_at", "verdict", "reviewer", "question", "reply", "correction", "earlier", "answer")
    readonly_fields = ("reviewer", "earlier", "answer")

    def get_urls(self) -> list[URLPattern]:
        urls: list[URLPattern] = super().get_urls()
        return [path("queue/", self.admin_site.admin_view(self.queue), name="telemetry_review_queue"), *urls]

    def queue(self, request: HttpRequest) -> HttpResponse:
        """One answer at a time, for those who may review."""
        return review_queue(request, self.admin_site)

    @display(description=_("verdict"), ordering="verdict", label=VERDICT_LABELS)
    def verdict_label(self, review: Review) -> tuple[str, str]:
        return review.verdict, review.get_verdict_display()

    @display(description=_("question"))
    def asked(self, review: Review) -> SafeString:
        return format_html('<span class="aion-clamp">{}</span>', review.question)

    @display(description=_("reviewer"), ordering="reviewer_id")
    def reviewer(self, review: Review) -> str:
        return name_of(review.reviewer_id) or "—"

    @display(description=_("earlier verdicts"))
    def earlier(self, review: Review) -> SafeString | str:
        """Newest first, the one in force left out."""
        kept = review.history.exclude(decided_at=review.decided_at).exclude(history_type="-")
        rows = ((_moment(row.decided_at), row.get_verdict_display(), name_of(row.reviewer_id)) for row in kept)
        return format_html_join("", "<p>{}: {}, {}</p>", rows) or "—"

    @display(description=_("answer"))
    def answer(self, review: Review) -> SafeString:
        address = reverse("admin:telemetry_question_change", args=[review.event_id])
        return format_html('<a class="aion-link" href="{}">{}</a>', address, _("See how this answer came to be"))


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
