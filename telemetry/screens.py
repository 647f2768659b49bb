"""What the admin screens of this room, and of those that may import it, have in common."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from telemetry.currency import usd_to_brl
from telemetry.partitions import lowest_id


class ReadOnlyAdmin(ModelAdmin):
    """What happened is read, never written, from the panel."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class AppendOnlyAdmin(ReadOnlyAdmin):
    """What was said stays; who knows better adds a newer row, which carries his name."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(f"{self.opts.app_label}.add_{self.opts.model_name}")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"as_of": timezone.localdate()}

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.created_by = request.user.pk
        super().save_model(request, obj, form, change)


class PeriodFilter(admin.SimpleListFilter):
    """A time window; of events as a range of ids, so that only its months are read."""

    title = _("period")
    parameter_name = "days"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("1", _("last 24 hours")),
            ("7", _("last 7 days")),
            ("30", _("last 30 days")),
            ("90", _("last 90 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        days = self.value()
        if days not in {"1", "7", "30", "90"}:
            return queryset
        return self.since(queryset, timezone.now() - timedelta(days=int(days)))

    def since(self, queryset: QuerySet[Any], moment: datetime) -> QuerySet[Any]:
        return queryset.filter(id__gte=lowest_id(moment))


def name_of(user_id: Any) -> str:
    """A person as the panel names them; "" for a program without one, or for who is gone."""
    person = get_user_model().objects.filter(pk=user_id).first() if user_id else None
    return (person.get_full_name() or person.get_username()) if person else ""


def usd(amount: Decimal, digits: int = 2) -> str:
    """`US$ 0,25`, as the active language writes numbers."""
    return f"US$ {number_format(round(amount, digits), digits)}"


def usd_and_brl(amount: Decimal, digits: int = 2, *, at: datetime) -> SafeString:
    """`US$ 0,25 (R$ 1,35)`, with the rate's date as its title."""
    brl, as_of = usd_to_brl(amount, at)
    title = gettext("R$ at the rate of %(day)s") % {"day": date_format(as_of, "SHORT_DATE_FORMAT")}
    return format_html(
        '<span title="{}">{} <span class="aion-muted">(R$ {})</span></span>',
        title,
        usd(amount, digits),
        number_format(round(brl, digits), digits),
    )
