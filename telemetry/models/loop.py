"""The nightly loop: what staff decide about it, and its nights."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from simple_history.models import HistoricalRecords

from telemetry.models.ids import new_id


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
