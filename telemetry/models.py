"""What telemetry keeps: events, money, feedback, reviews, exports. Rows only; the rules are in the modules beside it.

Ids of other rooms' rows are plain values without constraint: what they point to may be erased, what happened stays.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from decimal import Decimal

import uuid_utils.compat
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.base import ModelBase
from django.db.models.functions import MD5
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords


def new_id() -> uuid.UUID:
    """A UUIDv7: its first 48 bits are the milliseconds since 1970, so ids sort by time."""
    return uuid_utils.compat.uuid7()


class Event(models.Model):
    """Something that happened; append-only, partitioned by month on its id (migration 0001, `telemetry.partitions`)."""

    class Kind(models.TextChoices):
        ANSWER = "answer", _("answer")
        RETRIEVAL = "retrieval", _("retrieval")
        FALLBACK = "fallback", _("fallback")
        FAILURE = "failure", _("failure")
        GENERATION = "generation", _("generation")
        ADAPTER = "adapter", _("adapter")
        SETTINGS = "settings", _("settings")
        FEEDBACK = "feedback", _("feedback")
        DRAFT = "draft", _("local answer made afterwards")
        BUDGET = "budget", _("budget")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(_("tenant"), max_length=64)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices)
    value = models.FloatField(_("value"))
    meta = models.JSONField(_("details"))
    at = models.DateTimeField(_("when"))
    schema = models.PositiveSmallIntegerField(_("schema version"))

    class Meta:
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("-id",)
        indexes = (models.Index(fields=("tenant", "kind", "id"), name="telemetry_event_by_kind"),)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Question(Event):
    """The answer events as staff read them: one question with its whole path."""

    class Meta:
        proxy = True
        default_permissions = ("view",)
        verbose_name = _("answered question")
        verbose_name_plural = _("answered questions")

    def __str__(self) -> str:
        return str(self.meta.get("prompt", ""))[:80] or str(self.id)


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
        OPEN = "open", _("open")
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
        indexes = (models.Index(fields=("expires_at",), name="telemetry_open_reservations", condition=Q(state="open")),)

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


class Feedback(models.Model):
    """What the asker thought of an answer, with question and reply copied: it outlives the conversation."""

    tenant = models.CharField(_("tenant"), max_length=64)
    event_id = models.UUIDField(_("answer"))
    vote = models.SmallIntegerField(_("vote"), validators=[MinValueValidator(-1), MaxValueValidator(1)])
    comment = models.TextField(_("comment"), blank=True)
    correction = models.TextField(_("correction"), blank=True)
    relevant_sources = ArrayField(models.PositiveSmallIntegerField(), verbose_name=_("relevant sources"), default=list)
    user_id = models.BigIntegerField(_("user"), null=True)
    key_id = models.BigIntegerField(_("API key"), null=True)
    question = models.TextField(_("question"))
    reply = models.TextField(_("reply"))
    created_at = models.DateTimeField(_("given at"), auto_now_add=True)

    class Meta:
        verbose_name = _("feedback")
        verbose_name_plural = _("feedback")
        ordering = ("-id",)
        indexes = (models.Index(fields=("tenant", "created_at"), name="telemetry_feedback_by_day"),)
        constraints = (
            models.UniqueConstraint(
                fields=("event_id", "user_id", "key_id"), nulls_distinct=False, name="telemetry_one_feedback_each"
            ),
            models.CheckConstraint(condition=Q(vote__gte=-1, vote__lte=1), name="telemetry_vote_in_range"),
        )

    def __str__(self) -> str:
        return self.question[:80] or str(self.event_id)


class Review(models.Model):
    """What staff found of an answer: one verdict in force, its changes kept. Question and reply are copied: it
    outlives the conversation. `telemetry.reviews` writes it."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", pgettext_lazy("an answer", "approved")
        CORRECTED = "corrected", pgettext_lazy("an answer", "corrected")
        REJECTED = "rejected", pgettext_lazy("an answer", "rejected")

    tenant = models.CharField(_("tenant"), max_length=64)
    event_id = models.UUIDField(_("answer"))
    verdict = models.CharField(_("verdict"), max_length=9, choices=Verdict.choices)
    correction = models.TextField(_("better answer"), blank=True)
    question = models.TextField(_("question"))
    reply = models.TextField(_("reply"))
    reviewer_id = models.BigIntegerField(_("reviewer"))
    decided_at = models.DateTimeField(_("decided at"))
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ("-decided_at",)
        default_permissions = ("view",)
        permissions = (("review_answers", _("Can review answers")),)
        indexes = (
            models.Index(fields=("tenant", "decided_at"), name="telemetry_review_by_moment"),
            models.Index(fields=("tenant", "reviewer_id", "decided_at"), name="telemetry_review_by_reviewer"),
            models.Index(MD5("question"), name="telemetry_review_by_question"),
        )
        constraints = (
            models.UniqueConstraint(fields=("tenant", "event_id"), name="telemetry_one_review_an_answer"),
            models.CheckConstraint(
                condition=Q(verdict="corrected") & ~Q(correction="") | ~Q(verdict="corrected") & Q(correction=""),
                name="telemetry_corrections_alone_have_one",
            ),
        )

    def __str__(self) -> str:
        return self.question[:80] or str(self.event_id)


class DatasetExport(models.Model):
    """One export asked for by button, schedule or command, and what came of it."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(_("tenant"), max_length=64)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.QUEUED)
    formats = ArrayField(models.CharField(max_length=24), verbose_name=_("formats"))
    since = models.DateTimeField(_("from"))
    until = models.DateTimeField(_("to"))
    path = models.CharField(_("folder"), max_length=500, blank=True)
    rows = models.PositiveIntegerField(_("rows"), null=True)
    manifest = models.JSONField(_("manifest"), default=dict)
    error = models.TextField(_("error"), blank=True)
    requested_by = models.BigIntegerField(_("requested by"), null=True)
    created_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("dataset export")
        verbose_name_plural = _("dataset exports")
        ordering = ("-id",)
        permissions = (("export_dataset", _("Can export the dataset")),)

    def __str__(self) -> str:
        return f"{timezone.localtime(self.created_at):%d/%m/%Y %H:%M}"
