"""Limits, what is reserved and spent under them, and prices."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.base import ModelBase
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from telemetry.models.ids import new_id


class BudgetLimit(models.Model):
    """How much may be spent in a day or a month, and how much of it is gone. Staff edit `limit_usd` and `active` alone.

    A limit holds everyone (no group, no key), the members of a group, or one API key. `alerted` are the thresholds, in
    percent, that were announced in this window (`telemetry.alerts`).
    """

    class Period(models.TextChoices):
        DAY = "day", _("day")
        MONTH = "month", _("month")

    tenant = models.CharField(_("tenant"), max_length=64)
    group = models.CharField(_("group"), max_length=150, blank=True, default="")
    key_id = models.BigIntegerField(_("API key"), null=True, blank=True)
    key_name = models.CharField(_("name of the key"), max_length=120, blank=True, default="")
    period = models.CharField(_("period"), max_length=8, choices=Period.choices)
    limit_usd = models.DecimalField(
        _("limit (US$)"), max_digits=20, decimal_places=10, validators=[MinValueValidator(Decimal(0))]
    )
    active = models.BooleanField(_("in force"), default=True)
    spent_usd = models.DecimalField(
        _("spent (US$)"), max_digits=20, decimal_places=10, default=Decimal(0), editable=False
    )
    reserved_usd = models.DecimalField(
        _("reserved (US$)"), max_digits=20, decimal_places=10, default=Decimal(0), editable=False
    )
    window_start = models.DateField(_("first day of the window"), editable=False)
    alerted = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("alerts"), default=list, editable=False)
    history = HistoricalRecords(excluded_fields=["spent_usd", "reserved_usd", "window_start", "alerted"])

    class Meta:
        verbose_name = _("budget limit")
        verbose_name_plural = _("budget limits")
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "period", "group", "key_id"),
                nulls_distinct=False,
                name="telemetry_one_limit_per_period_and_scope",
            ),
            models.CheckConstraint(
                condition=Q(limit_usd__gte=0, spent_usd__gte=0, reserved_usd__gte=0),
                name="telemetry_money_not_negative",
            ),
            models.CheckConstraint(condition=Q(group="") | Q(key_id=None), name="telemetry_limit_of_group_or_key"),
            models.CheckConstraint(
                condition=Q(active=True) | ~Q(group="") | Q(key_id__isnull=False),
                name="telemetry_general_limits_in_force",
            ),
        )

    def __str__(self) -> str:
        scope = scope_in_words(self.group, self.key_id, self.key_name)
        return f"{scope}, {self.get_period_display()}: US$ {self.limit_usd:.2f}"

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Write what staff edit; counters change by conditional UPDATE only, a stale copy must not undo them."""
        if not self._state.adding and update_fields is None:
            update_fields = ("limit_usd", "active")
        super().save(force_insert=force_insert, force_update=force_update, using=using, update_fields=update_fields)

    @property
    def is_general(self) -> bool:
        """Whether it holds everyone; the two general ones always exist and are always in force."""
        return not self.group and self.key_id is None


def scope_in_words(group: str, key_id: int | None, key_name: str) -> str:
    """Whom a limit holds, in the reader's language."""
    if group:
        return gettext("Group %(name)s") % {"name": group}
    if key_id is not None:
        return gettext("API key %(name)s") % {"name": key_name or key_id}
    return gettext("Everyone")


class Reservation(models.Model):
    """Money set aside for one paid call; open until settled, released or expired at its maximum."""

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("a gap", "open")
        SETTLED = "settled", _("settled")
        RELEASED = "released", _("released")
        EXPIRED = "expired", _("expired at its maximum")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(_("tenant"), max_length=64)
    amount_usd = models.DecimalField(_("reserved (US$)"), max_digits=20, decimal_places=10)
    cost_usd = models.DecimalField(_("cost (US$)"), max_digits=20, decimal_places=10, null=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    tag = models.CharField(_("tag"), max_length=64)
    user_id = models.BigIntegerField(_("user"), null=True)
    key_id = models.BigIntegerField(_("API key"), null=True)
    created_at = models.DateTimeField(_("reserved at"))
    expires_at = models.DateTimeField(_("expires at"))
    closed_at = models.DateTimeField(_("closed at"), null=True)

    class Meta:
        verbose_name = _("reservation")
        verbose_name_plural = _("reservations")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=("expires_at",), name="telemetry_open_reservations", condition=Q(state="open")),
            models.Index(fields=("user_id",), name="telemetry_spent_for_person"),
        )

    def __str__(self) -> str:
        return f"{self.tag} {self.id}"


class LedgerEntry(models.Model):
    """One change of one limit's counters, for ever: the counters are the sums of their window's entries."""

    class Kind(models.TextChoices):
        RESERVE = "reserve", _("reserve")
        SETTLE = "settle", _("settle")
        RELEASE = "release", _("release")
        EXPIRE = "expire", _("expire")

    limit = models.ForeignKey(BudgetLimit, on_delete=models.PROTECT, related_name="entries", verbose_name=_("limit"))
    reservation = models.ForeignKey(
        Reservation, on_delete=models.PROTECT, related_name="entries", verbose_name=_("reservation")
    )
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices)
    window_start = models.DateField(_("first day of the window"))
    reserved_delta_usd = models.DecimalField(_("change of what is reserved (US$)"), max_digits=20, decimal_places=10)
    spent_delta_usd = models.DecimalField(_("change of what is spent (US$)"), max_digits=20, decimal_places=10)
    at = models.DateTimeField(_("when"))

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger entries")
        ordering = ("-id",)
        indexes = (models.Index(fields=("limit", "window_start"), name="telemetry_ledger_by_window"),)
        constraints = (
            models.UniqueConstraint(
                fields=("reservation", "limit"), condition=Q(kind="reserve"), name="telemetry_reserved_once"
            ),
            models.UniqueConstraint(
                fields=("reservation", "limit"), condition=~Q(kind="reserve"), name="telemetry_closed_once"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.reserved_delta_usd} {self.spent_delta_usd}"


class ExchangeRate(models.Model):
    """What a US dollar costs since a day; append-only, `telemetry.currency` finds the one in force."""

    class Currency(models.TextChoices):
        BRL = "BRL", _("real (R$)")

    currency = models.CharField(_("currency"), max_length=3, choices=Currency.choices, default=Currency.BRL)
    rate = models.DecimalField(
        _("price of one US dollar"),
        max_digits=12,
        decimal_places=6,
        validators=[MinValueValidator(Decimal("0.000001"))],
    )
    as_of = models.DateField(_("since"))
    created_at = models.DateTimeField(_("entered at"), auto_now_add=True)
    created_by = models.BigIntegerField(_("entered by"), null=True, editable=False)

    class Meta:
        verbose_name = _("exchange rate")
        verbose_name_plural = _("exchange rates")
        ordering = ("-as_of", "-id")

    def __str__(self) -> str:
        return f"{self.currency} {self.rate} ({self.as_of:%d/%m/%Y})"


class ModelPrice(models.Model):
    """What a paid model costs since a day, as staff say; append-only, goes before the list in `telemetry.pricing`."""

    model = models.CharField(_("model"), max_length=120)
    input_usd = models.DecimalField(
        _("input (US$ per million tokens)"),
        max_digits=12,
        decimal_places=6,
        validators=[MinValueValidator(Decimal(0))],
    )
    output_usd = models.DecimalField(
        _("output (US$ per million tokens)"),
        max_digits=12,
        decimal_places=6,
        validators=[MinValueValidator(Decimal(0))],
    )
    as_of = models.DateField(_("since"))
    created_at = models.DateTimeField(_("entered at"), auto_now_add=True)
    created_by = models.BigIntegerField(_("entered by"), null=True, editable=False)

    class Meta:
        verbose_name = _("price of a paid model")
        verbose_name_plural = _("prices of paid models")
        ordering = ("model", "-as_of", "-id")

    def __str__(self) -> str:
        return f"{self.model} ({self.as_of:%d/%m/%Y})"
