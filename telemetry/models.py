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
        LOOP = "loop", _("learning loop")
        ERASURE = "erasure", _("erasure")

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
        DONE = "done", pgettext_lazy("an export", "done")
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


class TrainingSet(models.Model):
    """What an adapter was, or may be, trained on: a folder with its rows, kept here too so that they can be traced.

    `tainted_at` says since when it must not be trained on any more, for instance because a person in it was erased.
    """

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(_("tenant"), max_length=64)
    created_at = models.DateTimeField(_("made at"))
    path = models.CharField(_("folder"), max_length=500)
    rows = models.PositiveIntegerField(_("rows"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    manifest = models.JSONField(_("manifest"), default=dict)
    tainted_at = models.DateTimeField(_("tainted since"), null=True)
    taint_reason = models.CharField(_("why tainted"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("training set")
        verbose_name_plural = _("training sets")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{timezone.localtime(self.created_at):%d/%m/%Y %H:%M}"


class TrainingRow(models.Model):
    """Where one row of a training set comes from: a reviewed answer, a golden question, and whose question it was.

    `review_id` and `golden_id` are their keys as text, "" where there is none; `document_ids` are the documents whose
    text the row shows.
    """

    class Origin(models.TextChoices):
        APPROVED = "approved", _("approved answer")
        CORRECTED = "corrected", _("corrected answer")
        GOLDEN = "golden", _("golden question")
        REFUSAL = "refusal", _("refusal")

    training_set = models.ForeignKey(
        TrainingSet, on_delete=models.CASCADE, related_name="training_rows", verbose_name=_("training set")
    )
    position = models.PositiveIntegerField(_("line"))
    row_id = models.CharField(_("row"), max_length=80)
    origin = models.CharField(_("origin"), max_length=12, choices=Origin.choices)
    event_id = models.UUIDField(_("answer"), null=True)
    review_id = models.CharField(_("review"), max_length=40, blank=True)
    golden_id = models.CharField(_("golden question"), max_length=40, blank=True)
    user_id = models.BigIntegerField(_("user"), null=True)
    key_id = models.BigIntegerField(_("API key"), null=True)
    document_ids = ArrayField(models.UUIDField(), verbose_name=_("documents"), default=list)

    class Meta:
        verbose_name = _("row of a training set")
        verbose_name_plural = _("rows of training sets")
        ordering = ("training_set", "position")
        indexes = (
            models.Index(fields=("event_id",), name="telemetry_rows_of_event"),
            models.Index(fields=("user_id",), name="telemetry_rows_of_person"),
        )
        constraints = (models.UniqueConstraint(fields=("training_set", "position"), name="telemetry_one_row_a_line"),)

    def __str__(self) -> str:
        return self.row_id


class LoopSettings(models.Model):
    """What staff decide about the nightly loop; one row a tenant, `telemetry.loop_settings` reads it.

    Hyper-parameters left empty are those of the training profile.
    """

    tenant = models.CharField(_("tenant"), max_length=64, unique=True, editable=False)
    paused = models.BooleanField(
        _("paused"),
        default=False,
        help_text=_("While paused nothing is trained or promoted at night. What serves goes on serving."),
    )
    min_new_rows = models.PositiveIntegerField(
        _("fewest new reviews"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=_("So many answers must have been reviewed since the last training before a new one begins."),
    )
    include_provider = models.BooleanField(
        _("learn from answers of the paid API"),
        default=False,
        help_text=_("Check first that the provider's terms allow training on them."),
    )
    refusal_share = models.FloatField(
        _("share of refusals"),
        default=0.0,
        validators=[MinValueValidator(0.0), MaxValueValidator(0.5)],
        help_text=_(
            "How much of the lessons, from 0 to 0.5, shows the model to say that the context does not answer. The "
            "bundled model bears none: it then refuses what it could answer. Leave it at 0 unless a larger model was "
            "examined with it."
        ),
    )
    epochs = models.FloatField(
        _("passes over the lessons"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.1), MaxValueValidator(10.0)],
        help_text=_("Empty: as the training profile has it."),
    )
    learning_rate = models.FloatField(
        _("learning rate"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1e-6), MaxValueValidator(1e-2)],
        help_text=_("Empty: as the training profile has it. Lower it if a training diverges."),
    )
    rank = models.PositiveIntegerField(
        _("rank of the adapter"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(256)],
        help_text=_("Empty: as the training profile has it. Higher learns more, and makes larger files."),
    )
    batch_size = models.PositiveIntegerField(
        _("lessons a step"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(64)],
        help_text=_("Empty: as the training profile has it. Lower it if memory runs out."),
    )
    max_length = models.PositiveIntegerField(
        _("longest lesson (tokens)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(256), MaxValueValidator(32_768)],
        help_text=_("Empty: as the training profile has it. Longer lessons are left out."),
    )
    history = HistoricalRecords()

    class Meta:
        verbose_name = _("learning loop")
        verbose_name_plural = _("learning loop")
        constraints = (
            models.CheckConstraint(
                condition=Q(refusal_share__gte=0, refusal_share__lte=0.5), name="telemetry_refusals_at_most_half"
            ),
        )

    def __str__(self) -> str:
        return gettext("Learning loop")


class Night(models.Model):
    """One night of the learning loop: what it found, decided and did. Ids are of other rooms' rows, without constraint.

    `occasion` keeps a second delivery of the same night from doing anything; one that was interrupted may be taken up.
    `reasons` are codes with values, worded when shown; `steps` are what was done, in order.
    """

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        DONE = "done", pgettext_lazy("a night", "done")
        FAILED = "failed", _("failed")
        INTERRUPTED = "interrupted", pgettext_lazy("a night", "interrupted")

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(_("tenant"), max_length=64)
    occasion = models.CharField(_("occasion"), max_length=40, editable=False)
    started_at = models.DateTimeField(_("begun"))
    finished_at = models.DateTimeField(_("ended"), null=True)
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.RUNNING)
    dry_run = models.BooleanField(_("dry run"), default=False)
    decision = models.CharField(_("decision"), max_length=24, blank=True)
    facts = models.JSONField(_("facts"), default=dict)
    reasons = models.JSONField(_("reasons"), default=list)
    steps = models.JSONField(pgettext_lazy("a night", "steps"), default=list)
    training_set_id = models.UUIDField(_("training set"), null=True)
    training_run_id = models.BigIntegerField(_("training run"), null=True)
    adapter_id = models.BigIntegerField(_("adapter"), null=True)
    examination_id = models.BigIntegerField(_("examination"), null=True)

    class Meta:
        verbose_name = _("night")
        verbose_name_plural = _("nights")
        ordering = ("-id",)
        permissions = (("run_night", _("Can run and pause the nightly learning")),)
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "occasion"), condition=~Q(state="interrupted"), name="telemetry_one_night_an_occasion"
            ),
        )

    def __str__(self) -> str:
        return f"{timezone.localtime(self.started_at):%d/%m/%Y %H:%M}"
