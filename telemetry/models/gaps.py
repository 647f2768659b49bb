"""Subjects that the documents do not answer, and the questions that say so."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class Gap(models.Model):
    """A subject that people asked about and the documents did not answer: work for somebody who knows.

    Once made it stays itself: later questions join it, and only staff merge it with another. `name` is theirs where
    `named_by_id` says who gave it, else the words that mark its questions. `state_at` is when `state` last changed.
    """

    class State(models.TextChoices):
        OPEN = "open", pgettext_lazy("a gap", "open")
        WRITING = "writing", pgettext_lazy("a gap", "being written")
        CLOSED = "closed", pgettext_lazy("a gap", "closed")
        IGNORED = "ignored", pgettext_lazy("a gap", "ignored")

    tenant = models.CharField(_("tenant"), max_length=64)
    name = models.CharField(_("name"), max_length=120, blank=True)
    named_by_id = models.BigIntegerField(_("named by"), null=True)
    owner_id = models.BigIntegerField(_("owner"), null=True)
    state = models.CharField(_("state"), max_length=8, choices=State.choices, default=State.OPEN)
    state_at = models.DateTimeField(_("state since"))
    came_again = models.BooleanField(_("asked again after it was closed"), default=False)
    example = models.ForeignKey(
        "GapQuestion", models.SET_NULL, null=True, related_name="+", verbose_name=_("example"), editable=False
    )
    document_id = models.UUIDField(_("document written for it"), null=True)
    closed_by_id = models.UUIDField(_("document that answers it"), null=True)
    answered_share = models.FloatField(_("share of its questions answered now"), null=True)
    checked_at = models.DateTimeField(_("asked again at"), null=True)
    created_at = models.DateTimeField(_("found at"))

    class Meta:
        verbose_name = _("gap")
        verbose_name_plural = _("gaps")
        ordering = ("-id",)
        default_permissions = ("view",)
        permissions = (("manage_gaps", _("Can work on gaps")),)
        indexes = (models.Index(fields=("tenant", "state"), name="telemetry_gap_by_state"),)

    def __str__(self) -> str:
        return self.name or (self.example.text[:80] if self.example else f"{self._meta.verbose_name} {self.pk}")


class GapQuestion(models.Model):
    """A question that was not answered well, copied: the same words of one asker on one day are one row, of `times`.

    Without a `gap` it has no like yet. It is `counted` unless its asker had said nearly the same that day. `vector` is
    what `embedder` made of `text`: float16, unit length.
    """

    class Why(models.TextChoices):
        ABSTAINED = "abstained", pgettext_lazy("a question", "not found in the documents")
        LOW_CONFIDENCE = "low", pgettext_lazy("a question", "confidence below tau")
        DISLIKED = "disliked", pgettext_lazy("a question", "disliked by who asked")
        REJECTED = "rejected", pgettext_lazy("a question", "rejected in review")

    tenant = models.CharField(_("tenant"), max_length=64)
    gap = models.ForeignKey(Gap, models.SET_NULL, null=True, related_name="questions", verbose_name=_("gap"))
    event_id = models.UUIDField(_("answer"))
    text = models.TextField(_("question"))
    why = models.CharField(_("why"), max_length=9, choices=Why.choices)
    user_id = models.BigIntegerField(_("user"), null=True)
    key_id = models.BigIntegerField(_("API key"), null=True)
    asked_at = models.DateTimeField(_("asked at"))
    day = models.DateField(_("day"))
    fingerprint = models.CharField(max_length=32)
    times = models.PositiveIntegerField(_("times"), default=1)
    counted = models.BooleanField(_("counted"), default=True)
    vector = models.BinaryField(null=True)
    embedder = models.TextField(blank=True, default="")

    class Meta:
        verbose_name = _("question of a gap")
        verbose_name_plural = _("questions of gaps")
        ordering = ("-asked_at",)
        default_permissions = ()
        indexes = (
            models.Index(fields=("tenant", "day"), name="telemetry_gapquestion_by_day"),
            models.Index(fields=("event_id",), name="telemetry_gapquestion_by_event"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "user_id", "key_id", "day", "fingerprint"),
                nulls_distinct=False,
                name="telemetry_gapquestion_once_a_day",
            ),
            models.CheckConstraint(
                condition=Q(vector__isnull=True, embedder="") | Q(vector__isnull=False) & ~Q(embedder=""),
                name="telemetry_gapquestion_vector_has_embedder",
            ),
        )

    def __str__(self) -> str:
        return self.text[:80]


class GapSearch(models.Model):
    """How the last nightly search for gaps went, one row a tenant: a night that fails says so on the page."""

    tenant = models.CharField(_("tenant"), max_length=64, unique=True)
    tried_at = models.DateTimeField(_("last tried"))
    done_at = models.DateTimeField(_("last done"), null=True)
    problem = models.TextField(_("problem"), blank=True, default="")

    class Meta:
        verbose_name = _("search for gaps")
        verbose_name_plural = _("searches for gaps")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.tenant} {self.tried_at:%Y-%m-%d}"
