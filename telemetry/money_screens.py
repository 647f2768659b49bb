"""Screens of money: limits, reservations, the ledger, prices and the rate of the dollar. Screens only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.forms import ChoiceField, DecimalField, ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.paginator import InfinitePaginator
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget

from telemetry import alerts, currency, pricing
from telemetry.budgets import limit_status
from telemetry.models import BudgetLimit, ExchangeRate, LedgerEntry, ModelPrice, Reservation, scope_in_words
from telemetry.screens import AppendOnlyAdmin, PeriodFilter, ReadOnlyAdmin, usd, usd_and_brl
from telemetry.windows import window_start

RESERVATION_LABELS = {"open": "warning", "settled": "success", "released": "info", "expired": "danger"}
LIMIT_LABELS = {"off": "info", "of_nobody": "warning", "fine": "success", "nearing": "warning", "used_up": "danger"}


class LimitForm(ModelForm[BudgetLimit]):
    """What staff may change of a limit: the amount, in cents, and whether it holds anybody."""

    limit_usd = DecimalField(
        label=_("Limit (US$)"), min_value=0, max_digits=12, decimal_places=2, widget=UnfoldAdminDecimalFieldWidget
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["limit_usd"] = self.instance.limit_usd.quantize(Decimal("0.01"))
        if "active" in self.fields:
            self.fields["active"].help_text = gettext(
                "What was spent under a limit stays in the ledger, so a limit that was used cannot be deleted: switch "
                "it off instead."
            )


class NewLimitForm(LimitForm):
    """A limit for a group or a key; those of everyone are there from the start. `keys` are the names of keys by id."""

    keys: Mapping[int, str] = {}
    whom = ChoiceField(
        label=_("For whom"),
        widget=UnfoldAdminSelectWidget,
        help_text=_(
            "A group's limit is shared by its members. It counts from now on, beside the limits of everyone, which go "
            "on holding: the tightest decides."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = [(f"group:{name}", name) for name in Group.objects.order_by("name").values_list("name", flat=True)]
        keys = [(f"key:{key_id}", name) for key_id, name in self.keys.items()]
        offered = [("", "—"), (gettext("Groups"), groups), (gettext("API keys"), keys)]
        self.fields["whom"].choices = [choice for choice in offered if choice[1]]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Put the choice into the row, and refuse a second limit of the same kind."""
        values = super().clean() or self.cleaned_data
        if "whom" not in values or "period" not in values:
            return values
        kind, _colon, which = values["whom"].partition(":")
        limit = self.instance
        limit.tenant = settings.PRIMARY_TENANT_ID
        limit.window_start = window_start(values["period"], timezone.now())
        if kind == "group":
            limit.group = which
        else:
            limit.key_id, limit.key_name = int(which), self.keys[int(which)]
        same = {"tenant": limit.tenant, "period": values["period"], "group": limit.group, "key_id": limit.key_id}
        if BudgetLimit.objects.filter(**same).exists():
            raise ValidationError(gettext("There is such a limit already. Change its amount, or switch it on again."))
        return values


class LimitAdmin(SimpleHistoryAdmin, ModelAdmin):
    """The limits with what is gone of them. Registered where the keys are known: `keys` tells their names by id."""

    form = LimitForm
    list_display = ("whom", "period_name", "limit", "spent", "reserved", "used", "state")
    list_before_template = "admin/telemetry/limits_help.html"
    history_list_display = ("limit_usd", "active")

    def keys(self) -> Mapping[int, str]:
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[BudgetLimit]:
        return super().get_queryset(request).filter(tenant=settings.PRIMARY_TENANT_ID)

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        rate = {"rate": currency.rate_at(timezone.now())}
        return super().changelist_view(request, {**(extra_context or {}), **rate})

    def get_form(
        self, request: HttpRequest, obj: BudgetLimit | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = LimitForm if obj else type("NewLimitForm", (NewLimitForm,), {"keys": self.keys()})
        return super().get_form(request, obj, change, form=form, **kwargs)

    def get_fields(self, request: HttpRequest, obj: BudgetLimit | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("whom", "period", "limit_usd")
        switch = () if obj.is_general else ("active",)
        return ("whom", "period_name", "limit_usd", *switch, "spent", "reserved", "used", "window_start")

    def get_readonly_fields(self, request: HttpRequest, obj: BudgetLimit | None = None) -> tuple[str, ...]:
        return ("whom", "period_name", "spent", "reserved", "used", "window_start") if obj else ()

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """One at a time, never those of everyone, and none that the ledger knows."""
        if not isinstance(obj, BudgetLimit) or obj.is_general or obj.entries.exists():
            return False
        return super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: BudgetLimit, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and "limit_usd" in form.changed_data:
            alerts.forget_unreached(obj.pk)

    @display(description=_("for whom"))
    def whom(self, limit: BudgetLimit) -> str:
        return scope_in_words(limit.group, limit.key_id, limit.key_name)

    @display(description=_("period"), ordering="period")
    def period_name(self, limit: BudgetLimit) -> str:
        return limit.get_period_display().capitalize()

    @display(description=_("limit"), ordering="limit_usd")
    def limit(self, limit: BudgetLimit) -> SafeString:
        return usd_and_brl(limit.limit_usd, at=timezone.now())

    @display(description=_("spent"))
    def spent(self, limit: BudgetLimit) -> SafeString:
        now = timezone.now()
        return usd_and_brl(limit_status(limit, now).spent_usd, at=now)

    @display(description=_("reserved"))
    def reserved(self, limit: BudgetLimit) -> SafeString:
        now = timezone.now()
        return usd_and_brl(limit_status(limit, now).reserved_usd, at=now)

    @display(description=_("used"))
    def used(self, limit: BudgetLimit) -> SafeString:
        now = limit_status(limit, timezone.now())
        taken = now.spent_usd + now.reserved_usd
        share = min(100, round(100 * taken / limit.limit_usd)) if limit.limit_usd else 100
        return format_html(
            '<span class="aion-meter"><meter min="0" max="100" high="80" optimum="0" value="{0}">{0} %</meter>'
            " {0} %</span>",
            share,
        )

    @display(description=_("state"), label=LIMIT_LABELS)
    def state(self, limit: BudgetLimit) -> tuple[str, str]:
        if not limit.active:
            return "off", gettext("switched off")
        if limit.group and not Group.objects.filter(name=limit.group).exists():
            return "of_nobody", gettext("no group has this name")
        highest = limit_status(limit, timezone.now()).highest_percent
        if highest == alerts.USED_UP_PERCENT:
            return "used_up", gettext("used up")
        if highest:
            return "nearing", gettext("over %(percent)d %%") % {"percent": highest}
        return "fine", gettext("in order")


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    """Money set aside for paid calls."""

    list_display = ("created_at", "state_label", "amount", "cost", "tag", "expires_at", "closed_at")
    list_filter = ("state", PeriodFilter)
    paginator = InfinitePaginator
    show_full_result_count = False

    @display(description=_("state"), ordering="state", label=RESERVATION_LABELS)
    def state_label(self, reservation: Reservation) -> tuple[str, str]:
        return reservation.state, reservation.get_state_display()

    @display(description=_("reserved"), ordering="amount_usd")
    def amount(self, reservation: Reservation) -> str:
        return usd(reservation.amount_usd, 6)

    @display(description=_("cost"), ordering="cost_usd")
    def cost(self, reservation: Reservation) -> str:
        return "—" if reservation.cost_usd is None else usd(reservation.cost_usd, 6)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Every change of the counters, for ever."""

    list_display = ("at", "kind", "whom", "period", "reserved_delta", "spent_delta", "what_for")
    list_filter = ("kind",)
    list_select_related = ("limit", "reservation")
    paginator = InfinitePaginator
    show_full_result_count = False

    @display(description=_("for whom"))
    def whom(self, entry: LedgerEntry) -> str:
        return scope_in_words(entry.limit.group, entry.limit.key_id, entry.limit.key_name)

    @display(description=_("limit"))
    def period(self, entry: LedgerEntry) -> str:
        return entry.limit.get_period_display()

    @display(description=_("what for"))
    def what_for(self, entry: LedgerEntry) -> str:
        return entry.reservation.tag

    @display(description=_("change of what is reserved"))
    def reserved_delta(self, entry: LedgerEntry) -> str:
        return usd(entry.reserved_delta_usd, 6)

    @display(description=_("change of what is spent"))
    def spent_delta(self, entry: LedgerEntry) -> str:
        return usd(entry.spent_delta_usd, 6)


class ExchangeRateForm(ModelForm[ExchangeRate]):
    """A rate that is known, so not of a day to come."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "rate" in self.fields:
            self.fields["rate"].help_text = gettext("How many R$ one US$ costs, for example the PTAX of the day.")
            self.fields["as_of"].help_text = gettext("The day of the rate.")

    def clean_as_of(self) -> date:
        day: date = self.cleaned_data["as_of"]
        if day > timezone.localdate():
            raise ValidationError(gettext("This day has not come yet."))
        return day


@admin.register(ExchangeRate)
class ExchangeRateAdmin(AppendOnlyAdmin):
    """What a dollar costs; the newest is in force."""

    form = ExchangeRateForm
    list_display = ("as_of", "price", "created_at", "in_force")
    fields = ("rate", "as_of")
    list_before_template = "admin/telemetry/rates_help.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        rates = {"rate": currency.rate_at(timezone.now()), "default_rate": currency.DEFAULT_RATE}
        return super().changelist_view(request, {**(extra_context or {}), **rates})

    @display(description=_("price of one US dollar"), ordering="rate")
    def price(self, rate: ExchangeRate) -> str:
        return f"R$ {number_format(rate.rate, 4)}"

    @display(description=_("in force"), boolean=True)
    def in_force(self, rate: ExchangeRate) -> bool:
        return rate == ExchangeRate.objects.filter(currency=rate.currency).first()


class ModelPriceForm(ModelForm[ModelPrice]):
    """A model by the provider's own name for it, with what its price list says."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "model" in self.fields:
            self.fields["model"].help_text = gettext(
                "As the provider writes it, for example gpt-4o-mini. It holds for dated versions of the model too."
            )
            self.fields["as_of"].help_text = gettext(
                "The day from which it counts; one to come is allowed. A call under way keeps the price it began with."
            )


@admin.register(ModelPrice)
class ModelPriceAdmin(AppendOnlyAdmin):
    """What paid models cost; of each model the newest whose day has come is in force."""

    form = ModelPriceForm
    list_display = ("model", "input", "output", "as_of", "created_at")
    fields = ("model", ("input_usd", "output_usd"), "as_of")
    search_fields = ("model",)
    list_before_template = "admin/telemetry/prices_help.html"

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        published = {"published": sorted(pricing.PRICES.items()), "published_as_of": pricing.PRICES_AS_OF}
        return super().changelist_view(request, {**(extra_context or {}), **published})

    @display(description=_("input (US$ per million tokens)"), ordering="input_usd")
    def input(self, price: ModelPrice) -> str:
        return usd(price.input_usd)

    @display(description=_("output (US$ per million tokens)"), ordering="output_usd")
    def output(self, price: ModelPrice) -> str:
        return usd(price.output_usd)
