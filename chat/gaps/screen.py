"""The list of gaps and the page of one. Screens only; what their buttons do is in `chat.gaps.actions`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from chat.gaps import actions
from retrieval.models import Document
from telemetry.gaps import figures, keeping
from telemetry.models import Gap, GapQuestion, GapSearch
from telemetry.screens import ReadOnlyAdmin, name_of

STATE_LABELS = {"open": "warning", "writing": "info", "closed": "success", "ignored": "default"}
BADGES = {"open": "aion-amber", "writing": "aion-blue", "closed": "aion-green", "ignored": ""}


class ShownFilter(admin.SimpleListFilter):
    """Which gaps are listed: by default what is to be done."""

    title = _("show")
    parameter_name = "show"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("mine", _("mine")), ("closed", _("closed ones")), ("ignored", _("ignored ones")), ("all", _("all"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield first | {"display": _("to do")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Gap]) -> QuerySet[Gap]:
        chosen = self.value()
        if chosen == "mine":
            return queryset.filter(owner_id=request.user.pk)
        if chosen in (Gap.State.CLOSED, Gap.State.IGNORED):
            return queryset.filter(state=chosen)
        return queryset if chosen == "all" else queryset.filter(state__in=keeping.AT_WORK)


@admin.register(Gap)
class GapAdmin(ReadOnlyAdmin):
    """What people asked in vain, by subject; first what most of them asked."""

    list_display = ("subject", "question_count", "asker_count", "trend", "owner", "state_label")
    list_display_links = ("subject",)
    list_filter = (ShownFilter,)
    list_per_page = 25
    search_fields = ("name", "questions__text")
    search_help_text = _("words of its name or of its questions")
    list_before_template = "admin/gaps/help.html"
    change_form_template = "admin/gaps/gap.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gap]:
        rows = Gap.objects.filter(tenant=settings.PRIMARY_TENANT_ID).select_related("example")
        return figures.with_counts(rows).order_by(*self.get_ordering(request))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        return ("-askers", "-asked", "-pk")

    def get_urls(self) -> list[URLPattern]:
        """What the buttons send, beside the usual pages."""
        own = [
            path("search/", self.admin_site.admin_view(actions.search_now), name="telemetry_gap_search"),
            path("alone/", self.admin_site.admin_view(actions.alone), name="telemetry_gap_alone"),
            path("move/", self.admin_site.admin_view(actions.move), name="telemetry_gap_move"),
            path("<int:gap_id>/act/", self.admin_site.admin_view(actions.act), name="telemetry_gap_act"),
            path("<int:gap_id>/merge/", self.admin_site.admin_view(actions.merge), name="telemetry_gap_merge"),
            path("<int:gap_id>/write/", self.admin_site.admin_view(actions.write), name="telemetry_gap_write"),
        ]
        urls: list[URLPattern] = super().get_urls()
        return own + urls

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The list with each gap's trend, read at once for the page."""
        changelist = super().get_changelist_instance(request)
        rows = changelist.result_list = list(changelist.result_list)
        by_week = figures.trends([gap.pk for gap in rows], timezone.now())
        for gap in rows:
            gap.by_week = by_week[gap.pk]
        return changelist

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        tenant, now = settings.PRIMARY_TENANT_ID, timezone.now()
        weeks = figures.asked_again(tenant, now)
        told = {
            "search_row": GapSearch.objects.filter(tenant=tenant).first(),
            "any_gap": Gap.objects.filter(tenant=tenant).exists(),
            "alone": GapQuestion.objects.filter(tenant=tenant, gap=None, counted=True).count(),
            "weeks": [(week, _percent(week.share)) for week in reversed(weeks)]
            if any(w.questions for w in weeks)
            else (),
        }
        return super().changelist_view(request, {**(extra_context or {}), **told})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page shows the questions and what can be done, not fields."""
        gap: Any = context["original"]
        may_manage = request.user.has_perm(actions.MANAGE)
        context |= {
            "title": gap.name or gettext("Gap"),
            "example_text": keeping.example_of(gap),
            "questions": gap.questions.order_by("-counted", "-asked_at")[: actions.MOST_SHOWN],
            "owner_name": name_of(gap.owner_id),
            "named_by": name_of(gap.named_by_id),
            "badge": BADGES[gap.state],
            "trend": _sparkline(figures.trends([gap.pk], timezone.now())[gap.pk]),
            "share": _percent(gap.answered_share),
            "written_document": Document.objects.filter(pk=gap.document_id).first(),
            "answering_document": Document.objects.filter(pk=gap.closed_by_id).first(),
            "may_manage": may_manage,
            "may_write": request.user.has_perms(actions.WRITE),
            "owners": actions.possible_owners() if may_manage else (),
            "others": keeping.others(gap.pk, gap.tenant) if may_manage else (),
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @display(description=_("subject"))
    def subject(self, gap: Gap) -> SafeString:
        example = keeping.example_of(gap)
        return format_html(
            '<strong>{}</strong><span class="aion-clamp aion-muted">{}</span>',
            gap.name or gettext("no name yet"),
            example,
        )

    @display(description=_("questions"), ordering="asked")
    def question_count(self, gap: Any) -> int:
        return int(gap.asked)

    @display(description=_("askers"), ordering="askers")
    def asker_count(self, gap: Any) -> int:
        return int(gap.askers)

    @display(description=_("last 8 weeks"))
    def trend(self, gap: Any) -> SafeString:
        return _sparkline(gap.by_week)

    @display(description=_("owner"), ordering="owner_id")
    def owner(self, gap: Gap) -> str:
        return name_of(gap.owner_id) or "—"

    @display(description=_("state"), ordering="state", label=STATE_LABELS)
    def state_label(self, gap: Gap) -> tuple[str, Any]:
        again = gap.came_again and gap.state == Gap.State.OPEN
        return gap.state, pgettext("a gap", "asked again") if again else gap.get_state_display()


def _sparkline(counts: list[int]) -> SafeString:
    """A bar for each week, with the numbers in words for who does not see it."""
    most = max([*counts, 1])
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="8" height="{}" rx="1"/>',
        ((10 * place, 24 - height, height) for place, height in enumerate(_heights(counts, most))),
    )
    weeks = figures.mondays(timezone.now())
    first = date_format(weeks[0], "SHORT_DATE_FORMAT")
    said = gettext("Questions by week since %(day)s: %(counts)s") % {
        "day": first,
        "counts": ", ".join(number_format(count) for count in counts),
    }
    return format_html(
        '<svg class="aion-spark" viewBox="0 0 78 24" role="img" aria-label="{0}"><title>{0}</title>{1}</svg>',
        said,
        bars,
    )


def _heights(counts: list[int], most: int) -> list[int]:
    return [max(round(24 * count / most), 2) if count else 1 for count in counts]


def _percent(share: float | None) -> str:
    return "—" if share is None else f"{number_format(100 * share, 0)} %"
