"""What staff did; append-only for everybody, also in the database (migration 0009)."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class AuditEntry(models.Model):
    """One act: who, what, on which object, before, after, why, from where, when. `telemetry.audit.trail` writes it.

    `hash` is a SHA-256 over the row and the `previous` row's hash; `seal` an HMAC of it with the installation's secret
    key, which no database holds. Ids are plain values: what they point to may be deleted, what was done stays.
    """

    class Action(models.TextChoices):
        ADDED = "added", pgettext_lazy("an act", "added")
        CHANGED = "changed", pgettext_lazy("an act", "changed")
        DELETED = "deleted", pgettext_lazy("an act", "deleted")
        BUTTON = "button", pgettext_lazy("an act", "button of the panel")
        SIGNED_IN = "signed_in", pgettext_lazy("an act", "signed in")
        SIGNED_OUT = "signed_out", pgettext_lazy("an act", "signed out")
        REFUSED = "refused", pgettext_lazy("an act", "sign-in refused")
        DOWNLOADED = "downloaded", pgettext_lazy("an act", "downloaded")
        EXPORTED = "exported", pgettext_lazy("an act", "exported a person's data")
        ERASED = "erased", pgettext_lazy("an act", "erased a person's data")
        PRUNED = "pruned", pgettext_lazy("an act", "removed what was past its period")

    class Source(models.TextChoices):
        PANEL = "panel", pgettext_lazy("where an act came from", "panel")
        API = "api", pgettext_lazy("where an act came from", "API")
        COMMAND = "command", pgettext_lazy("where an act came from", "command line")
        SYSTEM = "system", pgettext_lazy("where an act came from", "AION itself")

    tenant = models.CharField(_("tenant"), max_length=64)
    at = models.DateTimeField(_("when"))
    source = models.CharField(_("from"), max_length=8, choices=Source.choices)
    actor_id = models.BigIntegerField(_("number of the account"), null=True)
    actor = models.CharField(_("who"), max_length=150, blank=True)
    address = models.CharField(_("address"), max_length=64, blank=True)
    action = models.CharField(_("what was done"), max_length=12, choices=Action.choices)
    object_type = models.CharField(_("kind of object"), max_length=100, blank=True)
    object_id = models.CharField(_("number of the object"), max_length=64, blank=True)
    object_name = models.CharField(_("object"), max_length=200, blank=True)
    before = models.JSONField(_("before"), default=dict)
    after = models.JSONField(_("after"), default=dict)
    reason = models.TextField(_("why"), blank=True)
    detail = models.TextField(_("detail"), blank=True)
    previous = models.CharField(_("hash of the one before"), max_length=64, blank=True)
    hash = models.CharField(_("hash"), max_length=64, unique=True)
    seal = models.CharField(_("seal"), max_length=64)

    class Meta:
        verbose_name = _("act of staff")
        verbose_name_plural = _("audit trail")
        ordering = ("-id",)
        default_permissions = ("view",)
        permissions = (("export_audit", _("Can export the audit trail")),)
        indexes = (
            models.Index(fields=("tenant", "at"), name="telemetry_audit_by_moment"),
            models.Index(fields=("actor_id", "id"), name="telemetry_audit_by_actor"),
            models.Index(fields=("object_type", "object_id"), name="telemetry_audit_by_object"),
        )

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.object_name}" if self.object_name else self.get_action_display()
