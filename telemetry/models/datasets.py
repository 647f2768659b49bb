"""Exports and training sets, and where their rows come from."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from telemetry.models.ids import new_id


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
