"""The page of metrics and its files: GET only."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from aion.metrics.csv_file import as_csv
from aion.metrics.figures import figures
from aion.metrics.page import BUILDERS, lateness, sections
from aion.metrics.period import PeriodForm, period_of

PERMISSION = "telemetry.view_event"


@require_safe
def metrics_page(request: HttpRequest) -> HttpResponse:
    """All figures and charts of the period asked for."""
    form = _form(request)
    period = period_of(form, settings.PRIMARY_TENANT_ID)
    context = {
        **admin.site.each_context(request),
        "title": _("Metrics"),
        "form": form,
        "period": period,
        "late": lateness(period),
        "figures": figures(period),
        "sections": tuple(sections(period)),
    }
    return TemplateResponse(request, "admin/metrics/page.html", context)


@require_safe
def metrics_csv(request: HttpRequest, slug: str) -> HttpResponse:
    """The table of one chart."""
    form = _form(request)
    if slug not in BUILDERS:
        raise Http404
    period = period_of(form, settings.PRIMARY_TENANT_ID)
    name = f"aion-{slug}-{period.span.first.isoformat()}-{period.span.last.isoformat()}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(as_csv(BUILDERS[slug](period).table), content_type="text/csv; charset=utf-8", headers=headers)


def _form(request: HttpRequest) -> PeriodForm:
    if not request.user.has_perm(PERMISSION):
        raise PermissionDenied
    return PeriodForm(request.GET or None)
