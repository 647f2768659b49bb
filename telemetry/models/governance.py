"""How long things are kept, what people asked about their data, and which groups are AION's own roles."""

from __future__ import annotations

from django.contrib.auth.models import Group
from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from telemetry.models.ids import new_id


class RetentionRule(models.Model):
    """How long one kind is kept, since `at`; the newest row of each kind is in force. `aion.retention` knows the kinds
    and their ranges."""

    tenant = models.CharField(_("tenant"), max_length=64)
    kind = models.CharField(_("kind"), max_length=32)
    days = models.PositiveIntegerField(_("days"))
    reason = models.CharField(_("reason of the change"), max_length=300)
    by = models.BigIntegerField(_("changed by"), null=True)
    at = models.DateTimeField(_("changed"), auto_now_add=True)

    class Meta:
        verbose_name = _("retention period")
        verbose_name_plural = _("retention periods")
        ordering = ("-id",)
        default_permissions = ("view", "change")
        indexes = (models.Index(fields=("tenant", "kind", "-id"), name="telemetry_newest_rule"),)

    def __str__(self) -> str:
        return self.kind


class DataRequest(models.Model):
    """What was asked for about one person's data: a copy of it, or its erasure; a worker does it.

    `user_id` goes when the request is done with: neither a receipt nor what is left of a copy says of whom.
    """

    class Kind(models.TextChoices):
        COPY = "copy", pgettext_lazy("of a person's data", "copy")
        ERASURE = "erasure", pgettext_lazy("of a person's data", "erasure")

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", pgettext_lazy("a request", "done")
        FAILED = "failed", _("failed")

    UNFINISHED = (State.QUEUED, State.RUNNING)

    id = models.UUIDField(_("id"), primary_key=True, default=new_id, editable=False)
    tenant = models.CharField(_("tenant"), max_length=64)
    kind = models.CharField(_("what"), max_length=8, choices=Kind.choices)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.QUEUED)
    user_id = models.BigIntegerField(_("user"), null=True)
    reason = models.CharField(_("reason"), max_length=300)
    step = models.CharField(_("step"), max_length=60, blank=True)
    receipt = models.JSONField(_("receipt"), default=dict)
    path = models.CharField(_("file"), max_length=500, blank=True)
    error = models.TextField(_("error"), blank=True)
    requested_by = models.BigIntegerField(_("requested by"), null=True)
    created_at = models.DateTimeField(_("requested at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    class Meta:
        verbose_name = _("request about a person's data")
        verbose_name_plural = _("requests about people's data")
        ordering = ("-id",)
        default_permissions = ("view",)
        permissions = (
            ("copy_person", _("Can make and download a copy of a person's data")),
            ("erase_person", _("Can erase a person's data")),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "kind", "user_id"),
                condition=models.Q(state__in=("queued", "running")),
                name="telemetry_one_request_at_a_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.id}"


class RoleGroup(models.Model):
    """Which group is one of AION's roles; known by this row, since somebody's own group may have had the name."""

    key = models.CharField(max_length=20, unique=True)
    group = models.OneToOneField(Group, on_delete=models.CASCADE, related_name="role")

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key
