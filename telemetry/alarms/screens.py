"""Screens of alarms: what is wrong and what to do, the notices sent, and what staff do not want to hear of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from telemetry.alarms import keeping, wording
from telemetry.models import Alarm, AlarmDelivery, AlarmKind, AlarmRule
from telemetry.screens import ReadOnlyAdmin, name_of

HANDLE = "telemetry.handle_alarms"
SEVERITY_LABELS = {"warning": "warning", "critical": "danger"}
STATE_LABELS = {"open": "danger", "taken": "info", "silent": "info", "over": "success"}
BADGES = {"success": "aion-green", "warning": "aion-amber", "danger": "aion-red", "info": "aion-blue"}
DELIVERY_LABELS = {"waiting": "warning", "sent": "success", "given_up": "danger"}


class OpenFilter(admin.SimpleListFilter):
    """Those that are open, unless somebody asks for others."""

    title = _("state")
    parameter_name = "which"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("open now")), ("past", _("past"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        return queryset.filter(closed_at__isnull=chosen == "open") if chosen in ("open", "past") else queryset


class SnoozeForm(forms.Form):
    hours = forms.TypedChoiceField(
        label=_("For how long"),
        coerce=int,
        choices=((4, _("4 hours")), (24, _("1 day")), (72, _("3 days")), (168, _("1 week"))),
        initial=24,
        widget=UnfoldAdminSelectWidget,
    )


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    """Open and past alarms. What is wrong is mended elsewhere; here one says that one sees to it."""

    list_display = ("said", "severity_label", "state_label", "opened_at", "lasted")
    list_display_links = ("said",)
    list_filter = (OpenFilter, "kind", "severity")
    list_before_template = "admin/telemetry/alarms_help.html"
    change_form_template = "admin/telemetry/alarm.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Alarm]:
        """The open ones first."""
        own = super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)
        return own.order_by("-closed_at", "-id")

    def get_urls(self) -> list[URLPattern]:
        take_up, snooze = self.admin_site.admin_view(self.take_up), self.admin_site.admin_view(self.snooze)
        urls: list[URLPattern] = super().get_urls()
        own = [
            path("<uuid:alarm_id>/take-up/", take_up, name="telemetry_alarm_take_up"),
            path("<uuid:alarm_id>/snooze/", snooze, name="telemetry_alarm_snooze"),
        ]
        return own + urls

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        about = {"open_alarms": keeping.open_count(settings.PRIMARY_TENANT_ID)}
        return super().changelist_view(request, {**(extra_context or {}), **about})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        alarm = context["original"]
        state, state_words = self.state_label(alarm)
        context |= {
            "title": str(alarm.get_kind_display()).capitalize(),
            "sentence": wording.sentence(alarm),
            "what_to_do": wording.what_to_do(alarm),
            "severity_colour": BADGES[SEVERITY_LABELS[alarm.severity]],
            "state_words": state_words,
            "state_colour": BADGES[STATE_LABELS[state]],
            "taken_by": name_of(alarm.acknowledged_by),
            "lasted": self.lasted(alarm),
            "may_handle": alarm.is_open and request.user.has_perm(HANDLE),
            "deliveries": [
                (each, DELIVERY_LABELS[each.state], wording.failure_in_words(each.failure, each.detail))
                for each in alarm.alarmdelivery_set.select_related("channel").order_by("-id")[:50]
            ],
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def take_up(self, request: HttpRequest, alarm_id: UUID) -> HttpResponse:
        """Say that one sees to it."""
        alarm = self._asked_for(request, alarm_id)
        if request.method != "POST":
            explanation = _("Colleagues see that you are at it, and no more reminders are sent unless it gets worse.")
            return self._confirm(request, alarm, _("Take up the alarm"), explanation, _("I am seeing to it"))
        if keeping.take_up(alarm.pk, by=int(request.user.pk or 0)):
            self.log_change(request, alarm, gettext("Taken up."))
            messages.success(request, gettext("The alarm is yours now. It closes by itself once it is mended."))
        else:
            messages.info(request, gettext("Somebody was faster, or it is over."))
        return HttpResponseRedirect(_page(alarm))

    def snooze(self, request: HttpRequest, alarm_id: UUID) -> HttpResponse:
        """No reminders for a while."""
        alarm = self._asked_for(request, alarm_id)
        form = SnoozeForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            explanation = _("No reminders are sent meanwhile, unless it gets worse. The alarm stays in the list.")
            return self._confirm(request, alarm, _("Silence the alarm"), explanation, _("Silence"), form=form)
        until = timezone.now() + timedelta(hours=form.cleaned_data["hours"])
        if keeping.snooze(alarm.pk, until=until):
            said = gettext("Silent until %(until)s.") % {"until": _moment(until)}
            self.log_change(request, alarm, said)
            messages.success(request, said)
        else:
            messages.info(request, gettext("It is over already."))
        return HttpResponseRedirect(_page(alarm))

    def _asked_for(self, request: HttpRequest, alarm_id: UUID) -> Alarm:
        if not (self.has_view_permission(request) and request.user.has_perm(HANDLE)):
            raise PermissionDenied
        found = self.get_object(request, str(alarm_id))
        if found is None:
            raise Http404
        return found

    def _confirm(
        self, request: HttpRequest, alarm: Alarm, title: Any, explanation: Any, verb: Any, **more: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "explanation": explanation,
            "changes": [(wording.sentence(alarm), self.state_label(alarm)[1], verb)],
            "verb": verb,
            "back": _page(alarm),
            **more,
        }
        return TemplateResponse(request, "admin/panel/confirm.html", context)

    @display(description=_("what is wrong"))
    def said(self, alarm: Alarm) -> SafeString:
        return format_html('<span class="aion-clamp">{}</span>', wording.sentence(alarm))

    @display(description=_("severity"), ordering="severity", label=SEVERITY_LABELS)
    def severity_label(self, alarm: Alarm) -> tuple[str, str]:
        return alarm.severity, alarm.get_severity_display()

    @display(description=_("state"), label=STATE_LABELS)
    def state_label(self, alarm: Alarm) -> tuple[str, str]:
        if not alarm.is_open:
            return "over", gettext("over")
        if alarm.acknowledged_at is not None:
            by = name_of(alarm.acknowledged_by)
            return "taken", gettext("with %(person)s") % {"person": by} if by else gettext("taken up")
        if alarm.snoozed_until is not None and alarm.snoozed_until > timezone.now():
            return "silent", gettext("silent until %(until)s") % {"until": _moment(alarm.snoozed_until)}
        return "open", gettext("open, nobody's yet")

    @display(description=_("lasts"))
    def lasted(self, alarm: Alarm) -> str:
        return timesince(alarm.opened_at, alarm.closed_at or timezone.now())


@admin.register(AlarmDelivery)
class AlarmDeliveryAdmin(ReadOnlyAdmin):
    """What was told to whom, and why it did not arrive."""

    list_display = ("created_at", "notice", "what", "to", "state_label", "why")
    list_filter = ("state", "notice", "channel")
    list_select_related = ("channel",)
    fields = (
        "created_at",
        "notice",
        "what",
        "channel",
        "state",
        "attempts",
        "next_attempt_at",
        "sent_at",
        "why",
        "body",
    )
    readonly_fields = ("what", "why")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlarmDelivery]:
        return super().get_queryset(request).filter(channel__tenant=settings.PRIMARY_TENANT_ID)

    @display(description=_("what was told"))
    def what(self, delivery: AlarmDelivery) -> SafeString:
        return format_html('<span class="aion-clamp">{}</span>', delivery.body["data"]["sentence"])

    @display(description=_("destination"), ordering="channel")
    def to(self, delivery: AlarmDelivery) -> SafeString:
        return wording.address_in_html(delivery.channel)

    @display(description=_("state"), ordering="state", label=DELIVERY_LABELS)
    def state_label(self, delivery: AlarmDelivery) -> tuple[str, str]:
        return delivery.state, delivery.get_state_display()

    @display(description=_("why it did not arrive"))
    def why(self, delivery: AlarmDelivery) -> str:
        return wording.failure_in_words(delivery.failure, delivery.detail) or "—"


@admin.register(AlarmRule)
class AlarmRuleAdmin(SimpleHistoryAdmin, ModelAdmin):
    """One row for each kind that staff treat otherwise than AION does."""

    list_display = ("kind", "active", "chosen_severity", "reason")
    list_before_template = "admin/telemetry/alarm_rules_help.html"
    fields = ("kind", "active", "severity", "reason")
    history_list_display = ("active", "severity", "reason")

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlarmRule]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("kind",) if obj else ()

    def formfield_for_choice_field(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """No kind twice."""
        if db_field.name == "kind":
            taken = set(self.get_queryset(request).values_list("kind", flat=True))
            kwargs["choices"] = [("", "—"), *((kind, name) for kind, name in AlarmKind.choices if kind not in taken)]
        return super().formfield_for_choice_field(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: AlarmRule, form: Any, change: bool) -> None:
        obj.tenant = settings.PRIMARY_TENANT_ID
        super().save_model(request, obj, form, change)
        if not obj.active:
            keeping.close_silently(AlarmKind(obj.kind), tenant=obj.tenant)

    @display(description=_("severity"))
    def chosen_severity(self, rule: AlarmRule) -> str:
        return rule.get_severity_display() or gettext("as AION finds it")


def _page(alarm: Alarm) -> str:
    return reverse("admin:telemetry_alarm_change", args=[alarm.pk])


def _moment(when: Any) -> str:
    return date_format(timezone.localtime(when), "SHORT_DATETIME_FORMAT")
