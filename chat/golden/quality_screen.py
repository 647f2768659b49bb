"""The page of the search's quality by day: drawn, as a table, and measured anew by button. HTTP only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from chat.tasks import measure_retrieval
from retrieval.models import RetrievalMetric

VIEW, MEASURE = "retrieval.view_goldenquestion", "retrieval.change_goldenquestion"
DAYS_SHOWN = 90
WIDE, HIGH = 600, 220  # of the drawing
FIGURES = ("ndcg_at_10", "mrr", "r_at_8")


def quality_page(request: HttpRequest) -> HttpResponse:
    """GET shows the days, POST has today measured by a worker."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    if request.method == "POST":
        if not request.user.has_perm(MEASURE):
            raise PermissionDenied
        measure_retrieval.delay()
        messages.success(request, _("The search is being measured; the result stands here in some seconds."))
        return HttpResponseRedirect(reverse("admin:panel_search_quality"))
    rows = RetrievalMetric.objects.filter(tenant=settings.PRIMARY_TENANT_ID).order_by("-day")[:DAYS_SHOWN]
    days = list(reversed(rows))
    context = {
        **admin.site.each_context(request),
        "title": _("Search quality"),
        "days": [_in_words(row) for row in reversed(days)],
        "drawing": _drawing(days) if len(days) > 1 else None,
        "limit": number_format(settings.AION_TAU_NDCG, 2),
        "may_measure": request.user.has_perm(MEASURE),
    }
    return TemplateResponse(request, "admin/golden/quality.html", context)


def _in_words(row: RetrievalMetric) -> dict[str, Any]:
    """A day as people read it: `0,87 (0,81–0,92)`."""
    figures = {}
    for name in FIGURES:
        between = row.intervals.get(name)
        low_high = f" ({number_format(between[0], 2)}–{number_format(between[1], 2)})" if between else ""
        figures[name] = f"{number_format(getattr(row, name), 2)}{low_high}"
    return {"day": row.day, "questions": row.questions, "is_low": row.ndcg_at_10 < settings.AION_TAU_NDCG} | figures


def _drawing(days: Sequence[RetrievalMetric]) -> dict[str, Any]:
    """SVG points by figure, the interval of nDCG as an area; days stand where they are in time."""
    first, span = days[0].day, (days[-1].day - days[0].day).days
    places = [round(WIDE * (row.day - first).days / span, 1) for row in days]
    bounds = [row.intervals.get("ndcg_at_10") or [row.ndcg_at_10] * 2 for row in days]
    upper = [f"{x},{_y(high)}" for x, (_low, high) in zip(places, bounds, strict=True)]
    lower = [f"{x},{_y(low)}" for x, (low, _high) in zip(places, bounds, strict=True)]
    lines = {
        name: " ".join(f"{x},{_y(getattr(row, name))}" for x, row in zip(places, days, strict=True)) for name in FIGURES
    }
    return lines | {
        "area": " ".join([*upper, *reversed(lower)]),
        "axis": [(_y(share), number_format(share, 2)) for share in (0, 0.25, 0.5, 0.75, 1)],
        "limit": _y(settings.AION_TAU_NDCG),
        "first": first,
        "last": days[-1].day,
    }


def _y(share: float) -> float:
    return round(HIGH * (1 - share), 1)
