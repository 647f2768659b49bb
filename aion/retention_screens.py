"""The screen of retention: what is kept for how long, what goes tonight, what went last night. HTTP only."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextareaWidget

from aion import retention
from aion.exceptions import ActionFailed
from aion.retention import KINDS, Kind
from chat.screens import confirmation
from telemetry.models import RetentionRule
from telemetry.screens import ReadOnlyAdmin, name_of

CHANGE = "telemetry.change_retentionrule"
LIST = "admin:telemetry_retentionrule_changelist"


class PeriodForm(forms.Form):
    """A period of one kind, and why."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"), max_length=300, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )

    def __init__(self, kind: Kind, data: Any = None) -> None:
        super().__init__(data)
        self.fields["days"] = forms.IntegerField(
            label=_("Days"),
            min_value=kind.least,
            max_value=kind.most,
            initial=retention.days_of(kind),
            widget=UnfoldAdminIntegerFieldWidget,
            help_text=_("From %(least)d to %(most)d days are allowed.") % {"least": kind.least, "most": kind.most},
        )
        self.order_fields(("days", "reason"))


@admin.register(RetentionRule)
class RetentionRuleAdmin(ReadOnlyAdmin):
    """One line a kind; a change is seen before it is made, and kept with its reason."""

    list_display = ("kind", "days", "at", "reason")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.change_period)
        urls: list[URLPattern] = super().get_urls()
        return [path("period/<slug:key>/", view, name="telemetry_retentionrule_period"), *urls]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now, night = timezone.now(), retention.last_night()
        gone = night.meta.get("gone", {}) if night else {}
        failed = night.meta.get("failed", []) if night else []
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("Retention"),
            "lines": [
                {
                    "kind": kind,
                    "days": retention.days_of(kind),
                    "tonight": retention.would_go(kind, now),
                    "gone": gone.get(kind.key),
                    "failed": kind.key in failed,
                    "rule": _newest_rule(kind),
                }
                for kind in KINDS.values()
            ],
            "night": night,
            "may_change": request.user.has_perm(CHANGE),
        }
        return TemplateResponse(request, "admin/panel/retention.html", context)

    def change_period(self, request: HttpRequest, key: str) -> HttpResponse:
        """Ask for the days, show what they would mean, and only then keep them."""
        if not request.user.has_perm(CHANGE):
            raise PermissionDenied
        kind = KINDS.get(key)
        if kind is None:
            raise Http404
        form = PeriodForm(kind, request.POST or None)
        if request.method == "POST" and form.is_valid():
            if "sure" in request.POST:
                return self._kept(request, kind, form.cleaned_data)
            return self._shown(request, kind, form.cleaned_data)
        return confirmation(
            self.admin_site,
            request,
            title=kind.title,
            explanation=kind.why,
            verb=_("See what it means"),
            back=reverse(LIST),
            form=form,
        )

    def _shown(self, request: HttpRequest, kind: Kind, values: dict[str, Any]) -> HttpResponse:
        now, before = timezone.now(), retention.days_of(kind)
        rows = [retention.would_go(kind, now, days=days) for days in (before, values["days"])]
        field = '<input type="hidden" name="{}" value="{}">'
        return confirmation(
            self.admin_site,
            request,
            title=kind.title,
            explanation=_("What goes does not come back. It goes in the coming night."),
            changes=[
                (_("Kept for"), _days(before), _days(values["days"])),
                (_("Goes tonight"), str(rows[0]), str(rows[1])),
            ],
            hidden=[
                *(format_html(field, name, values[name]) for name in ("days", "reason")),
                format_html(field, "sure", "yes"),
            ],
            verb=_("Keep this period"),
            back=reverse(LIST),
            danger=rows[1] > rows[0],
        )

    def _kept(self, request: HttpRequest, kind: Kind, values: dict[str, Any]) -> HttpResponse:
        try:
            retention.change(kind, values["days"], reason=values["reason"], by=request.user.pk)
        except ActionFailed as exc:
            messages.error(request, str(exc))
        else:
            messages.success(request, _("The period holds from the coming night on."))
        return HttpResponseRedirect(reverse(LIST))


def _newest_rule(kind: Kind) -> str:
    rule = RetentionRule.objects.filter(kind=kind.key).order_by("-id").first()
    return f"{rule.reason} ({name_of(rule.by) or '—'})" if rule else ""


def _days(days: int) -> str:
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}
