"""The pages of lineage: GET only."""

from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from aion.lineage import lineage_of_adapter, lineage_of_answer

PERMISSIONS = ("telemetry.view_question", "inference.view_adapter")


def answer_lineage(request: HttpRequest, event_id: UUID) -> HttpResponse:
    """From an answer to what taught its adapter, and to what learned from it."""
    return _page(request, lineage_of_answer(event_id), _("Lineage of an answer"))


def adapter_lineage(request: HttpRequest, adapter_id: int) -> HttpResponse:
    """What an adapter learned from."""
    return _page(request, lineage_of_adapter(adapter_id), _("Lineage of an adapter"))


def _page(request: HttpRequest, found: object | None, title: str) -> HttpResponse:
    if not request.user.has_perms(PERMISSIONS):
        raise PermissionDenied
    if found is None:
        raise Http404
    context = {**admin.site.each_context(request), "title": title, "lineage": found}
    return TemplateResponse(request, "admin/panel/lineage.html", context)
