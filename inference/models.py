"""Rows of the room: adapters, which one should serve, what each process really serves, training runs, examinations."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

HEARTBEAT_S = 2.0
ALIVE_WITHIN = timedelta(seconds=15)


class Adapter(models.Model):
    """A LoRA adapter in the registry: an immutable folder, known by the digest of its files."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", _("candidate")
        CHAMPION = "champion", _("champion")
        RETIRED = "retired", _("retired")
        REJECTED = "rejected", _("rejected")

    class Origin(models.TextChoices):
        SHIPPED = "shipped", _("shipped with AION")
        TRAINED = "trained", _("trained here")
        IMPORTED = "imported", _("imported")

    name = models.CharField(_("name"), max_length=120)
    digest = models.CharField(_("digest"), max_length=64, unique=True)
    base_model = models.CharField(_("base model"), max_length=300)
    base_sha256 = models.CharField(_("base model's SHA-256"), max_length=64, blank=True)
    rank = models.PositiveIntegerField(_("rank"))
    size_bytes = models.PositiveBigIntegerField(_("size in bytes"))
    origin = models.CharField(_("origin"), max_length=16, choices=Origin.choices, default=Origin.IMPORTED)
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.CANDIDATE)
    metrics = models.JSONField(_("metrics"), default=dict, blank=True)
    tainted_at = models.DateTimeField(_("tainted at"), null=True, blank=True, editable=False)
    taint_reason = models.CharField(_("why it is tainted"), max_length=200, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("created by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        verbose_name = _("adapter")
        verbose_name_plural = _("adapters")
        ordering: ClassVar = ["-created_at"]
        permissions: ClassVar = [
            ("load_adapter", _("Can load an adapter into the serving model")),
            ("merge_adapter", _("Can merge the served adapter into the model")),
            ("use_generate", _("Can generate text directly")),
            ("promote_adapter", _("Can examine adapters, and promote one against its examination")),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.digest[:12]})"


class DesiredState(models.Model):
    """What should serve, from `created_at` on. Append-only: the newest row that waits or has served is in force."""

    class Outcome(models.TextChoices):
        PENDING = "pending", _("waiting for the serving process")
        SERVED = "served", _("served")
        FAILED = "failed", _("failed")
        SUPERSEDED = "superseded", _("overtaken by another change")

    IN_FORCE: ClassVar = (Outcome.PENDING, Outcome.SERVED)

    adapter = models.ForeignKey(
        Adapter, verbose_name=_("adapter"), null=True, blank=True, on_delete=models.PROTECT, related_name="desired"
    )
    merged = models.BooleanField(_("merged"), default=False)
    reason = models.CharField(_("reason"), max_length=200, blank=True)
    outcome = models.CharField(_("outcome"), max_length=16, choices=Outcome.choices, default=Outcome.PENDING)
    error_code = models.CharField(_("error code"), max_length=40, blank=True)
    error = models.TextField(_("error"), blank=True)
    begun = models.PositiveSmallIntegerField(
        _("unfinished tries"), default=0, help_text=_("How many processes ended while they took it over.")
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("changed by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    created_at = models.DateTimeField(_("changed at"), auto_now_add=True)

    class Meta:
        verbose_name = _("desired state")
        verbose_name_plural = _("desired states")
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"#{self.pk}: {self.adapter or _('base model alone')}"


class ProcessReport(models.Model):
    """What one live process really serves; refreshed every `HEARTBEAT_S` seconds."""

    process = models.CharField(_("process"), max_length=120, unique=True)
    state = models.CharField(_("state"), max_length=16)
    base_model = models.CharField(_("base model"), max_length=300, blank=True)
    base_sha256 = models.CharField(_("base model's SHA-256"), max_length=64, blank=True)
    adapter = models.CharField(_("adapter"), max_length=120, blank=True)
    adapter_digest = models.CharField(_("adapter's digest"), max_length=64, blank=True)
    merged = models.BooleanField(_("merged"), default=False)
    reached = models.ForeignKey(
        DesiredState, verbose_name=_("desired state reached"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    device = models.CharField(_("device"), max_length=40, blank=True)
    dtype = models.CharField(_("precision"), max_length=40, blank=True)
    queue_length = models.PositiveIntegerField(_("queue length"), default=0)
    error = models.TextField(_("error"), blank=True)
    started_at = models.DateTimeField(_("started at"))
    heartbeat_at = models.DateTimeField(_("last heartbeat"))

    class Meta:
        verbose_name = _("serving process")
        verbose_name_plural = _("serving processes")
        ordering: ClassVar = ["-heartbeat_at"]

    def __str__(self) -> str:
        return self.process

    @property
    def is_alive(self) -> bool:
        return timezone.now() - self.heartbeat_at < ALIVE_WITHIN


class TrainingRun(models.Model):
    """One training of an adapter. At most one is unfinished; see `training_jobs` for how it gets along."""

    class State(models.TextChoices):
        PREPARING = "preparing", _("preparing")  # its dataset is being made
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        STOPPED = "stopped", _("stopped")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    UNFINISHED: ClassVar = (State.PREPARING, State.QUEUED, State.RUNNING)

    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.QUEUED)
    dataset = models.CharField(_("dataset"), max_length=500, blank=True)
    dataset_sha256 = models.CharField(_("dataset's SHA-256"), max_length=64, blank=True)
    training_set_id = models.UUIDField(_("training set"), null=True, blank=True)
    base_sha256 = models.CharField(_("base model's SHA-256"), max_length=64, blank=True)
    out = models.CharField(_("result folder"), max_length=500, blank=True)
    profile = models.JSONField(_("hyper-parameters"), default=dict, blank=True)
    metrics = models.JSONField(_("metrics"), default=dict, blank=True)
    step = models.PositiveIntegerField(_("step"), default=0)
    steps = models.PositiveIntegerField(_("steps"), default=0)
    curve = models.JSONField(_("loss curve"), default=list, blank=True)  # [step, loss, seconds], some 200 at most
    tokens = models.PositiveBigIntegerField(_("tokens"), default=0)
    seconds = models.FloatField(_("seconds of training"), default=0.0)
    process = models.CharField(_("process"), max_length=200, blank=True)
    heartbeat_at = models.DateTimeField(_("last heartbeat"), null=True, blank=True)
    stop_requested = models.BooleanField(_("asked to stop"), default=False)
    resumed = models.PositiveIntegerField(_("times taken up again"), default=0)
    begun_at_step = models.PositiveIntegerField(_("step of the last start"), default=0)
    fruitless = models.PositiveSmallIntegerField(_("starts since it last got further"), default=0)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name=_("requested by"), null=True, blank=True, on_delete=models.SET_NULL
    )
    adapter = models.ForeignKey(
        Adapter, verbose_name=_("adapter"), null=True, blank=True, on_delete=models.SET_NULL, related_name="runs"
    )
    error = models.TextField(_("error"), blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("training run")
        verbose_name_plural = _("training runs")
        ordering: ClassVar = ["-id"]
        permissions: ClassVar = [("train_adapter", _("Can train an adapter"))]
        constraints: ClassVar = [
            models.UniqueConstraint(
                models.Value(1),
                condition=models.Q(state__in=("preparing", "queued", "running")),
                name="one_training_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"#{self.pk}: {self.dataset}"

    @property
    def is_interrupted(self) -> bool:
        """Begun, and its process gives no sign any more."""
        alive = self.heartbeat_at is not None and timezone.now() - self.heartbeat_at < ALIVE_WITHIN
        return self.state == self.State.RUNNING and not alive


class Examination(models.Model):
    """A candidate compared with who served, on the frozen questions. Its answers lie in a file of their own."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        INTERRUPTED = "interrupted", _("interrupted")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    candidate = models.ForeignKey(
        Adapter, verbose_name=_("candidate"), on_delete=models.CASCADE, related_name="examinations"
    )
    champion = models.ForeignKey(
        Adapter,
        verbose_name=_("champion"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text=_("Who served when it began; empty for the base model alone."),
    )
    state = models.CharField(_("state"), max_length=16, choices=State.choices, default=State.RUNNING)
    questions = models.PositiveIntegerField(_("questions"), default=0)
    done = models.PositiveIntegerField(_("answers written"), default=0)
    total = models.PositiveIntegerField(_("answers in all"), default=0)
    look = models.PositiveIntegerField(
        _("comparison with this champion"), default=0, help_text=_("0 where it could not have promoted anyone.")
    )
    results = models.JSONField(_("results"), default=dict, blank=True)
    promote = models.BooleanField(_("better"), null=True)
    reasons = models.JSONField(_("reasons"), default=list, blank=True)
    error = models.TextField(_("error"), blank=True)
    overruled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("overruled by"),
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
    )
    overruled_reason = models.CharField(_("reason for overruling"), max_length=300, blank=True)
    promoted_at = models.DateTimeField(_("promoted at"), null=True, blank=True)
    night_id = models.UUIDField(_("night"), null=True, blank=True)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("examination")
        verbose_name_plural = _("examinations")
        ordering: ClassVar = ["-id"]

    def __str__(self) -> str:
        return f"#{self.pk}: {self.candidate}"
