"""Screens of what no room owns alone: people, groups, limits and scheduled tasks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_celery_beat import admin as beat
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from aion.night_screens import NightAdmin
from aion.permissions import PermissionsField
from aion.request_screens import DataRequestAdmin
from aion.retention_screens import RetentionRuleAdmin
from aion.roles import role_of
from chat.models import ApiKey
from telemetry.models import BudgetLimit
from telemetry.money_screens import LimitAdmin

__all__ = ["DataRequestAdmin", "NightAdmin", "RetentionRuleAdmin"]

for model in (User, Group, PeriodicTask, IntervalSchedule, CrontabSchedule, SolarSchedule, ClockedSchedule):
    admin.site.unregister(model)


class NamesPermissions(ModelAdmin):
    """Offers permissions in the panel's language."""

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.related_model is Permission:
            kwargs["form_class"] = PermissionsField
        return super().formfield_for_manytomany(db_field, request, **kwargs)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, NamesPermissions):  # type: ignore[type-arg]  # generic in the stubs only
    """People who sign in."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Only a superuser gives rights: who may edit people must not be able to raise himself."""
        own = (*super().get_readonly_fields(request, obj), "may_do")
        return own if request.user.is_superuser else (*own, "is_superuser", "is_staff", "groups", "user_permissions")

    @display(description=_("what they may do"))
    def may_do(self, person: User) -> str:
        """In words, as far as AION's roles go."""
        if person.is_superuser:
            return gettext("Everything: a superuser.")
        purposes = [f"{group.name}: {role.purpose}" for group in person.groups.all() if (role := role_of(group))]
        if purposes and not person.is_staff:
            purposes.append(gettext("Not before “staff status” is ticked: without it nobody enters the panel."))
        return "\n".join(purposes) or gettext("Asks questions. No role of the panel.")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        own = super().get_fieldsets(request, obj)
        return own if obj is None else [*own, (_("In words"), {"fields": ("may_do",)})]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _not_above(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _not_above(request, obj)


def _not_above(request: HttpRequest, person: Any) -> bool:
    """Nobody changes whoever may do more: with a new password one would be that person."""
    if request.user.is_superuser or person is None:
        return True
    return not person.is_superuser and person.get_all_permissions() <= request.user.get_all_permissions()


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, NamesPermissions):
    """Roles, and who may find which documents."""

    list_display = ("name", "may_do")
    list_before_template = "admin/panel/groups_help.html"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """As with people. Documents know groups by name, so a new name gives its members others' documents. What a
        role may is kept by AION for everybody."""
        own = tuple(super().get_readonly_fields(request, obj))
        if obj is not None and role_of(obj) is not None:
            return (*own, "name", "permissions", "may_do")
        if request.user.is_superuser:
            return own
        return (*own, "permissions") if obj is None else (*own, "name", "permissions")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or role_of(obj) is None)

    @display(description=_("what they may do"))
    def may_do(self, group: Group) -> str:
        role = role_of(group)
        return str(role.purpose) if role else "—"


@admin.register(BudgetLimit)
class BudgetLimitAdmin(LimitAdmin):
    """Telemetry's limits, for the chat's keys."""

    def keys(self) -> dict[int, str]:
        """Those that can still be used."""
        keys = ApiKey.objects.filter(tenant=settings.PRIMARY_TENANT_ID, revoked_at=None).order_by("name")
        return {key.pk: str(key) for key in keys}


class TaskSelect(UnfoldAdminSelectWidget, beat.TaskSelectWidget):
    """The registered tasks, as the panel draws a list."""


class PeriodicTaskForm(beat.PeriodicTaskForm):
    """The schedule's form with the panel's inputs."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["task"].widget = UnfoldAdminTextInputWidget()
        self.fields["regtask"].widget = TaskSelect()


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat.PeriodicTaskAdmin, ModelAdmin):
    """What runs by itself, and when."""

    form = PeriodicTaskForm
    date_hierarchy = None
    list_display = ("name", "enabled", "when", "last_run_at", "description")
    list_filter = ("enabled", "one_off")
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        (_("When"), {"fields": ("interval", "crontab", "clocked", "start_time", "last_run_at", "one_off")}),
        (_("Arguments"), {"fields": ("args", "kwargs")}),
    )

    @display(description=_("when"))
    def when(self, task: PeriodicTask) -> str:
        return schedule_in_words(task)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The library lets anybody who may look press run and disable; here only who may change."""
        actions: dict[str, Any] = super().get_actions(request)
        return actions if self.has_change_permission(request) else {}


def schedule_in_words(task: PeriodicTask) -> str:
    """The usual schedules as people say them; any other as the library does."""
    times = task.crontab
    if times is None or (times.day_of_week, times.day_of_month, times.month_of_year) != ("*", "*", "*"):
        return str(task.schedule)
    if times.minute == times.hour == "*":
        return gettext("every minute")
    if times.hour == "*" and times.minute.startswith("*/"):
        return gettext("every %(count)s minutes") % {"count": times.minute.removeprefix("*/")}
    if times.minute.isdigit() and times.hour.isdigit():
        return gettext("every day at %(time)s") % {"time": f"{int(times.hour):02d}:{int(times.minute):02d}"}
    return str(task.schedule)


@admin.register(IntervalSchedule)
class IntervalScheduleAdmin(ModelAdmin):
    """Every so often."""


@admin.register(CrontabSchedule)
class CrontabScheduleAdmin(beat.CrontabScheduleAdmin, ModelAdmin):
    """At fixed hours and days."""


@admin.register(SolarSchedule)
class SolarScheduleAdmin(ModelAdmin):
    """By the sun."""


@admin.register(ClockedSchedule)
class ClockedScheduleAdmin(ModelAdmin):
    """Once, at a moment."""
