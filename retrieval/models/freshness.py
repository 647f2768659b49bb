"""How documents come in and stay current: jobs, and folders that are watched."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class IngestJob(models.Model):
    """One uploaded file on its way into the documents; the worker reports its progress here."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tenant = models.TextField(_("tenant"))
    collection = models.TextField(_("collection"), default="main")
    filename = models.TextField(_("file name"))
    path = models.TextField(_("stored file"))
    labels = ArrayField(models.TextField(), verbose_name=_("labels"), default=list, blank=True)
    groups = ArrayField(models.TextField(), verbose_name=_("groups"), default=list, blank=True)
    state = models.TextField(_("state"), choices=State, default=State.QUEUED)
    done = models.IntegerField(_("chunks done"), default=0)
    total = models.IntegerField(_("chunks in all"), default=0)
    report = models.JSONField(_("report"), default=dict)
    error = models.TextField(_("error"), blank=True, default="")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("requested by"),
        related_name="+",
    )
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)
    started_at = models.DateTimeField(_("started at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("ingestion")
        verbose_name_plural = _("ingestions")

    def __str__(self) -> str:
        return self.filename


class WatchedFolder(models.Model):
    """A folder of this machine that is read again on a schedule; `path` is its real path, links resolved."""

    class State(models.TextChoices):
        NEW = "new", pgettext_lazy("a folder", "not read yet")
        READING = "reading", _("being read")
        READ = "read", _("up to date")
        HELD = "held", _("waiting for a confirmation")
        UNREACHABLE = "unreachable", _("cannot be opened")
        FAILED = "failed", pgettext_lazy("a reading", "interrupted")

    tenant = models.TextField(_("tenant"))
    path = models.TextField(_("folder"))
    collection = models.TextField(_("collection"), default="main")
    labels = ArrayField(models.TextField(), verbose_name=_("labels"), default=list, blank=True)
    groups = ArrayField(models.TextField(), verbose_name=_("groups"), default=list, blank=True)
    every_hours = models.PositiveSmallIntegerField(
        _("every how many hours"),
        default=24,
        validators=[MinValueValidator(1), MaxValueValidator(720)],
        help_text=_("1 to 720. Only what changed is read, so a small number costs little."),
    )
    is_active = models.BooleanField(
        _("read on schedule"), default=True, help_text=_("Off: only “Read now” reads it. Its documents stay.")
    )
    state = models.TextField(_("state"), choices=State, default=State.NEW)
    error = models.TextField(_("error"), blank=True, default="")
    done = models.IntegerField(_("files done"), default=0)
    total = models.IntegerField(_("files in all"), default=0)
    last_read_at = models.DateTimeField(_("last read"), null=True)
    last_report = models.JSONField(_("last report"), default=dict)
    created_at = models.DateTimeField(_("created at"), auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tenant", "collection", "path"], name="retrieval_a_folder_once")]
        verbose_name = _("watched folder")
        verbose_name_plural = _("watched folders")

    def __str__(self) -> str:
        return self.path


class WatchedFile(models.Model):
    """A file as its folder's last reading found it: size, time and inode tell cheaply whether it changed since.

    `mtime_ns` 0 has it read again; `problem` is the code of why it is no document, "" where it is.
    """

    folder = models.ForeignKey(WatchedFolder, models.CASCADE, related_name="files", verbose_name=_("watched folder"))
    path = models.TextField(_("file"))
    size_bytes = models.BigIntegerField(_("size in bytes"))
    mtime_ns = models.BigIntegerField()
    inode = models.DecimalField(max_digits=20, decimal_places=0)  # unsigned 64 bits
    sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    problem = models.TextField(_("problem"), blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["folder", "path"], name="retrieval_a_file_once_a_folder")]
        indexes = [models.Index(fields=["sha256"], name="retrieval_watched_bytes")]
        default_permissions = ()
        verbose_name = _("watched file")
        verbose_name_plural = _("watched files")

    def __str__(self) -> str:
        return self.path
